//! Hosts with the names and addresses of the guide.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::mail::{Debian, Machine};

/// The hosts beside `home`, which is 10.77.0.1. The numbers of the others follow.
const OTHERS: [&str; 3] = ["mx1", "gw1", "mx2"];

/// The home host, and another that is connected to it.
pub struct Hosts {
    pub home: Machine,
    pub other: Machine,
    name: &'static str,
}

impl Hosts {
    /// Boots both, in a private network.
    pub fn boot(home: Debian, name: &str, other: Debian) -> Self {
        let number = OTHERS.iter().position(|other| *other == name).unwrap();
        let hosts = Self {
            home: Machine::boot(home),
            other: Machine::boot(other),
            name: OTHERS[number],
        };
        hosts.connect(&format!("10.77.0.{}", number + 2));
        hosts
    }

    /// The names of both.
    pub fn names(&self) -> [&'static str; 2] {
        ["home", self.name]
    }

    pub fn named(&self, name: &str) -> &Machine {
        match name {
            "home" => &self.home,
            _ => {
                assert_eq!(name, self.name);
                &self.other
            }
        }
    }

    fn connect(&self, address: &str) {
        let network = self.other.network();
        let created = Command::new("nsenter")
            .arg(format!("--net={}", self.home.network().display()))
            .args(["ip", "link", "add", "private", "type", "veth"])
            .args(["peer", "name", "private", "netns"])
            .arg(network)
            .status();
        assert!(created.unwrap().success());
        for (machine, own, peer) in [
            (&self.home, "10.77.0.1", address),
            (&self.other, address, "10.77.0.1"),
        ] {
            let up = format!("ip addr add {own} peer {peer} dev private && ip link set private up");
            machine.shell(&up).expect(0);
            let names = OTHERS.iter().enumerate();
            let names = names.map(|(at, name)| format!("10.77.0.{} {name}\n", at + 2));
            let names: String = names.collect();
            let hosts = format!("127.0.0.1 localhost\n10.77.0.1 home\n{names}");
            fs::write(machine.path("/etc/hosts"), hosts).unwrap();
        }
    }

    /// Lets root of the home host log in to the other by ssh, as the guide's reader can. Both must
    /// be Debian 13: of this system's machines, /root is this system's.
    pub fn administer(&self) {
        let generate =
            "mkdir -p -m 700 /root/.ssh && ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519";
        self.home.shell(generate).expect(0);
        self.other.shell("mkdir -p -m 700 /root/.ssh").expect(0);
        let key = self.home.read("/root/.ssh/id_ed25519.pub");
        fs::write(self.other.path("/root/.ssh/authorized_keys"), key).unwrap();
        self.start_sshd(&self.home);
        self.start_sshd(&self.other);
    }

    /// Starts sshd on one host, whose host key the other then knows.
    pub fn start_sshd(&self, machine: &Machine) {
        let (name, peer) = match std::ptr::eq(machine, &raw const self.home) {
            true => ("home", &self.other),
            false => (self.name, &self.home),
        };
        let host_key = machine.read("/etc/ssh/ssh_host_ed25519_key.pub");
        let known = peer.path("/etc/ssh/ssh_known_hosts");
        fs::write(known, format!("{name} {host_key}")).unwrap();
        machine.shell("service ssh start </dev/null").expect(0);
    }

    /// Lets root of the other host log in to the home host with a key of its own, within limits.
    pub fn authorize(&self, limits: &str) {
        let generate = "ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/postkey";
        self.other.shell(generate).expect(0);
        let line = format!("{limits} {}", self.other.read("/etc/ssh/postkey.pub"));
        self.write(
            "home",
            "/var/lib/postkey-remote/.ssh/authorized_keys",
            &line,
        );
    }

    /// Writes a file that the guide shows to a host.
    pub fn write(&self, host: &str, path: &str, text: &str) {
        let machine = self.named(host);
        let path = machine.path(path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// Cuts the network off, or connects it again: packets are lost, as if the home host were down.
    pub fn set_network(&self, state: &str) {
        let set = format!("ip link set private {state}");
        self.home.shell(&set).expect(0);
    }
}
