//! The SFU's executable.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    arbiter_sfu::shell::main().await
}
