#!/usr/bin/env python3
"""ratio.py FILE...: the medians of two commands over all runs in hyperfine's JSON files.

Prints the first median divided by the second, and both in milliseconds.
"""
import json
import statistics
import sys

times = ([], [])
for name in sys.argv[1:]:
    with open(name) as file:
        for seen, result in zip(times, json.load(file)['results']):
            seen.extend(result['times'])
measured, reference = map(statistics.median, times)
print(f'{measured / reference:.3f} {measured * 1000:.2f} {reference * 1000:.2f}')
