//! The guide's chapter on databases, executed.

use super::own::OwnCluster;
use crate::fleet::session;
use crate::readme::compared;
use crate::sandbox::{POSTKEY, Run, Sandbox};

#[test]
fn a_database_is_prepared_as_shown() {
    let own = OwnCluster::without_database();
    let sandbox = Sandbox::new();
    let steps = session("PostgreSQL");
    assert!(steps.len() > 5);
    for (command, output) in steps {
        let mut bash = sandbox.command(["-c", &format!("{command} 2>&1")]);
        let path = [
            std::path::Path::new(POSTKEY).parent().unwrap(),
            &super::cluster::programs(),
            "/usr/bin:/bin".as_ref(),
        ];
        let path = path.map(|folder| folder.to_str().unwrap().to_owned());
        bash.env("PATH", path.join(":"))
            .env("PGHOST", own.socket())
            .env("PGPORT", own.port().to_string())
            .env("PGUSER", super::cluster::SUPERUSER);
        let bash = crate::secrecy::watch::program(&bash, "bash")
            .output()
            .unwrap();
        let printed = Run::of(bash).stdout;
        assert_eq!(compared(&printed), compared(&output), "{command}");
    }
}
