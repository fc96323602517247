//! Makes projects, whose keys sign the tokens of sessions, and rotates their secrets.

mod cli;
mod failure;
mod keys;
mod place;
mod projects;
mod public_key;

fn main() -> std::process::ExitCode {
    cli::main()
}
