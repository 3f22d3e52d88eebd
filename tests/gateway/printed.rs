//! The printed configuration of gateways.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::sandbox::Sandbox;

#[test]
fn it_names_the_address_of_serve_and_the_backend_and_needs_no_vault() {
    let sandbox = Sandbox::new();
    let connect = |server: &str, backend: &str| {
        let run = sandbox.run(["connect", server, "--backend", backend]);
        run.expect(0).stdout
    };
    let printed = sandbox.run(["connect", "nginx"]).expect(0).stdout;
    assert!(
        printed.contains("server 127.0.0.1:7625;") && printed.contains("server 127.0.0.1:8081;")
    );
    sandbox.settings("[serve]\nlisten = \"[::1]:99\"\n");
    assert!(connect("nginx", "app.internal:3000").contains("server [::1]:99;"));
    assert!(connect("nginx", "app.internal:3000").contains("server app.internal:3000;"));
    assert!(connect("caddy", "[::1]:1").contains("forward_auth [::1]:99 {"));
    assert!(connect("caddy", "[::1]:1").contains("reverse_proxy [::1]:1 {"));
    sandbox.settings("[serve]\nlisten = \"unix:/run/postkey/a.sock\"\n");
    assert!(connect("nginx", "a:1").contains("server unix:/run/postkey/a.sock;"));
    assert!(connect("caddy", "a:1").contains("forward_auth unix//run/postkey/a.sock {"));
    assert!(!sandbox.vault().exists());
}

#[test]
fn paths_that_need_quoting_are_refused_with_a_hint() {
    let sandbox = Sandbox::new();
    for backend in ["", "a", "a:0", "http://a:80", "a:80;", "a b:80", "{x}:80"] {
        let run = sandbox
            .run(["connect", "nginx", "--backend", backend])
            .expect(2);
        assert!(run.stderr.contains("127.0.0.1:8081"), "{run:?}");
    }
    let run = sandbox
        .run(["connect", "postfix", "--backend", "a:1"])
        .expect(2);
    assert!(run.stderr.contains("nginx, caddy, traefik"), "{run:?}");
    sandbox.run(["connect", "nginx", "--file", "sql"]).expect(2);
    sandbox.settings("[serve]\nlisten = \"unix:/run/a;b.sock\"\n");
    for server in ["nginx", "caddy"] {
        let run = sandbox.run(["connect", server]).expect(5);
        assert!(run.stderr.contains("hint: name the socket"), "{run:?}");
    }
    let run = sandbox.run(["connect", "traefik"]).expect(5);
    assert!(run.stderr.contains("hint: set `listen"), "{run:?}");
}

#[test]
fn traefiks_configuration_is_valid_yaml() {
    let sandbox = Sandbox::new();
    let printed = sandbox
        .run(["connect", "traefik", "--backend", "app:80"])
        .expect(0);
    let http = &of_yaml(&printed.stdout)["http"];
    let ask = &http["middlewares"]["postkey"]["forwardAuth"];
    assert_eq!(ask["address"], "http://127.0.0.1:7625/forward");
    assert_eq!(ask["trustForwardHeader"], false);
    assert_eq!(
        ask["authResponseHeaders"],
        serde_json::json!(["X-Postkey-Name"])
    );
    assert_eq!(
        ask["authRequestHeaders"],
        serde_json::json!([
            "api-key",
            "Authorization",
            "Origin",
            "Access-Control-Request-Method"
        ])
    );
    let kept = &http["middlewares"]["postkey-keep-key"]["headers"]["customRequestHeaders"];
    assert_eq!(
        (&kept["api-key"], &kept["Authorization"]),
        (&"".into(), &"".into())
    );
    let router = &http["routers"]["guarded"];
    assert_eq!(
        router["middlewares"],
        serde_json::json!(["postkey", "postkey-keep-key"])
    );
    let service = &http["services"][router["service"].as_str().unwrap()];
    assert_eq!(
        service["loadBalancer"]["servers"][0]["url"],
        "http://app:80"
    );
}

/// YAML as JSON, by an independent parser.
fn of_yaml(text: &str) -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(sys.argv[1]), sys.stdout)";
    let mut python = Command::new("/usr/bin/python3");
    let run = python.args(["-c", script, text]).stderr(Stdio::inherit());
    serde_json::from_slice(&run.output().unwrap().stdout).unwrap()
}
