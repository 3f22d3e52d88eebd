complete --keep-order --exclusive --command postkey --arguments "(POSTKEY_COMPLETE=fish postkey -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
