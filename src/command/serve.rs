//! `postkey serve`: checks keys over HTTP.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::serve::{self, Notice, ServeConfig};
use crate::settings::Listen;
use crate::ui::Ui;

/// How many notices may wait to be printed.
const MAX_QUEUED: usize = 64;

/// How long printing the last notices may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Check keys for gateways and mail servers
///
/// Listens on a loopback address or a unix socket. A change to the vault takes effect with the next
/// request; one to the settings, after a restart.
///
/// /nginx is for nginx's auth_request, /forward for Caddy's forward_auth and Traefik's ForwardAuth,
/// /verify for applications, /dovecot for Dovecot's reports of logins; /healthz and /metrics are
/// for monitoring. On a unix socket, and not over TCP, /login tells PAM and Exim whether a login is
/// valid. `postkey connect` prints what to configure there.
///
/// With --listen-policy it also answers Postfix's policy requests (check_policy_service), in open
/// sessions too: whether the key that logged in is still valid, may be used from the client's
/// address, may send from the envelope sender, and has recipients left.
///
/// Supports systemd's socket activation, which overrides --listen, and readiness notification.
///
/// Formats: text.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey serve
  postkey serve --listen unix:/run/postkey/postkey.sock
  postkey serve --listen-policy 127.0.0.1:7626
  curl --header @key.header '127.0.0.1:7625/verify?method=GET&path=/v3/contacts'
  curl --unix-socket /run/postkey/postkey.sock --netrc-file login http://localhost/login

key.header holds a line `api-key: KEY`, and login a line `default login USERNAME password SECRET`:
others can see a command's arguments.")]
pub struct Serve {
    /// Where to listen: a loopback address and port, or unix:PATH
    ///
    /// Without it: `listen` in the settings, or 127.0.0.1:7625.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<Listen>,
    /// Where to answer Postfix's policy requests: a loopback address and port, or unix:PATH
    ///
    /// Without it: `policy` under [serve] in the settings, or nowhere.
    #[arg(long, value_name = "ADDRESS")]
    listen_policy: Option<Listen>,
}

pub(super) fn run(args: Serve, context: &mut Context) -> Result<ExitStatus, Error> {
    let vault = context.settings.vault.expect_file()?.to_owned();
    context.open()?;
    let settings = &context.settings;
    let config = ServeConfig {
        vault,
        wait: settings.wait,
        listen: args.listen.unwrap_or_else(|| settings.listen.clone()),
        listen_policy: args
            .listen_policy
            .or_else(|| settings.listen_policy.clone()),
        retention: settings.retention,
        permissions: settings.permissions.clone(),
        credentials: settings.credentials.clone(),
        cors_origins: settings.cors_origins.clone(),
    };
    let (notices, describe) = spawn_printer(context.ui.clone()).map_err(serve::Error::Thread)?;
    let print = notices.clone();
    let served = serve::run(config, Arc::new(move |notice| drop(print.try_send(notice))));
    // All senders are gone: print what was sent.
    drop(notices);
    let _ = describe.recv_timeout(FLUSH_TIMEOUT);
    served?;
    Ok(ExitStatus::Done)
}

/// Starts a thread that prints notices, so that a reader of standard error who stalls blocks
/// nothing. Notices beyond the queue's size are dropped.
fn spawn_printer(ui: Ui) -> io::Result<(SyncSender<Notice>, Receiver<()>)> {
    let (notices, queue) = sync_channel(MAX_QUEUED);
    let (done, describe) = sync_channel(1);
    let thread = thread::Builder::new().name("teller".to_owned());
    thread.spawn(move || {
        for notice in queue {
            print(&ui, notice);
        }
        let _ = done.send(());
    })?;
    Ok((notices, describe))
}

fn print(ui: &Ui, notice: Notice) {
    match notice {
        Notice::Listening(addresses) => ui.note(format!("listening on {addresses}")),
        Notice::VaultLost(why) => ui.warn(format!(
            "{why}; all requests are refused until it can be read"
        )),
        Notice::KeyDamaged(why) => ui.warn(format!("{why}; only this key is refused")),
        Notice::VaultRestored => ui.note("the vault can be read again"),
        Notice::ReportRefused => ui.warn(
            "a login was reported without this vault's token and not counted; if Dovecot reported \
             it, update its configuration with `postkey connect dovecot`",
        ),
        Notice::ClockWrong(why) => ui.warn(format!("{why}; set it")),
        Notice::ClockCorrected => ui.note("the system clock is plausible again"),
        Notice::UsageLost(why) => ui.warn(format!("usage is not recorded: {why}")),
        Notice::UsageRestored => ui.note("usage is recorded again"),
        Notice::Stopping => ui.note("stopping"),
    }
}
