//! The command line.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::BoolishValueParser;
use model::session::{ApiKey, Project};
use serde::Serialize;

use crate::failure::Failure;
use crate::place::Place;
use crate::{projects, public_key};

/// Makes a project and prints its API key and secret as JSON; with --api-key, gives that project a new secret.
#[derive(Parser)]
#[command(name = "arbiter-project", version)]
struct Cli {
    /// A project that exists: gets a new secret, and the one before stays good beside it
    #[arg(long, value_parser = api_key)]
    api_key: Option<ApiKey>,
    /// End the secret before the current one; no new one is made
    #[arg(long, value_parser = BoolishValueParser::new(), num_args = 0..=1, default_value = "no",
          default_missing_value = "yes", requires = "api_key", conflicts_with = "public_key")]
    retire: bool,
    /// File with an RSA public key in PEM, for tokens that its private key signs: a project that exists keeps its
    /// secret
    #[arg(long)]
    public_key: Option<PathBuf>,
    /// On AWS, with the credentials of this shell; else for the gateway that runs on this machine
    #[arg(long, value_parser = BoolishValueParser::new(), num_args = 0..=1, default_value = "no",
          default_missing_value = "yes")]
    aws: bool,
    /// The stack on AWS
    #[arg(long, default_value = "arbiter")]
    stack: String,
    /// Folder of the local gateway's urls.json
    #[arg(long, env = "LOCAL_DIR", default_value = ".local")]
    local_dir: PathBuf,
}

/// What is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    api_key: ApiKey,
    secret: String,
}

/// Does what the command line asks for.
pub(crate) fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Here)?;
    let Project { api_key, secret, .. } = runtime.block_on(execute(cli))?;
    let keys =
        serde_json::to_string(&Keys { api_key, secret }).map_err(|error| Failure::Here(error.into()))?;
    writeln!(std::io::stdout(), "{keys}").map_err(Failure::Here)
}

/// Standard output is the JSON's alone: what there is to say goes to standard error.
async fn execute(cli: Cli) -> Result<Project, Failure> {
    let public_key = cli.public_key.as_deref().map(public_key::read).transpose()?;
    let place = if cli.aws { Place::aws(cli.stack).await? } else { Place::local(cli.local_dir).await? };
    let project = match (cli.api_key, public_key) {
        (None, public_key) => {
            let project = projects::create(&place, public_key).await?;
            eprintln!("The project is in the secret {}.", place.name(&project.api_key));
            project
        }
        (Some(api_key), Some(public_key)) => {
            let project = projects::set_public_key(&place, api_key, public_key).await?;
            eprintln!("The project has this public key now. Its secret is the same.");
            project
        }
        (Some(api_key), None) if cli.retire => {
            let project = projects::retire(&place, api_key).await?;
            eprintln!("The secret before this one is refused within five minutes.");
            project
        }
        (Some(api_key), None) => {
            let project = projects::rotate(&place, api_key).await?;
            eprintln!("The secret before this one stays good too, until RETIRE=yes or the next change.");
            project
        }
    };
    Ok(project)
}

fn api_key(text: &str) -> Result<ApiKey, String> {
    ApiKey::try_from(text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Cli::command().debug_assert();
        let read = |arguments: &str| {
            Cli::try_parse_from(["arbiter-project"].into_iter().chain(arguments.split_whitespace()))
        };
        let cli = read("--api-key 47000001 --retire yes --aws yes --stack other").unwrap();
        assert!(cli.retire && cli.aws && cli.stack == "other");
        let cli = read("--api-key 47000001 --retire no").unwrap();
        assert!(!cli.retire && !cli.aws && cli.stack == "arbiter");
        for wrong in [
            "--retire yes",
            "--retire perhaps --api-key 47000001",
            "--retire --api-key 47000001 --public-key a.pem",
            "--api-key 1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
