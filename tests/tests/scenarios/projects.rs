//! `make project`: the keys that sign the tokens of sessions.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arbiter_tests::Stack;
use arbiter_tests::stack::{binary, repository};
use serde_json::{Value, json};

/// `arbiter-project`, in a shell that has nothing to do with AWS.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("arbiter-project"));
    command.args(arguments).env("AWS_EC2_METADATA_DISABLED", "true");
    for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        command.env(name, "/dev/null");
    }
    for name in ["LOCAL_DIR", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"] {
        command.env_remove(name);
    }
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(arguments).arg("--local-dir").arg(folder).output().unwrap()
}

/// The API key and the secret: the one line that is printed.
fn keys(output: &Output) -> (String, String) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = std::str::from_utf8(&output.stdout).unwrap();
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let Value::Object(keys) = serde_json::from_str(printed).unwrap() else { panic!("{printed}") };
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["apiKey", "secret"]);
    let text = |name: &str| keys[name].as_str().unwrap().to_owned();
    (text("apiKey"), text("secret"))
}

/// What a call that fails says.
fn refusal(output: &Output) -> String {
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What Secrets Manager answers at a stage.
async fn read(stack: &Stack, name: &str, stage: &str) -> Value {
    let call = reqwest::Client::new()
        .post(&stack.urls.secrets_url)
        .header("x-amz-target", "secretsmanager.GetSecretValue")
        .body(json!({ "SecretId": name, "VersionStage": stage }).to_string());
    call.send().await.unwrap().json().await.unwrap()
}

/// The project that is stored at a stage.
async fn stored(stack: &Stack, name: &str, stage: &str) -> Value {
    let answer = read(stack, name, stage).await;
    assert_eq!(answer["VersionStages"], json!([stage]), "{answer}");
    serde_json::from_str(answer["SecretString"].as_str().unwrap()).unwrap()
}

fn public_key() -> PathBuf {
    repository().join("crates/project/tests/keys/rsa.pem")
}

#[tokio::test]
async fn a_projects_secret_is_rotated_without_a_stop_and_retired() {
    let stack = Stack::start().await;
    let folder = stack.local_dir();
    let (key, first) = keys(&run(folder, &[]));
    assert!(key.len() == 8 && key.bytes().all(|byte| byte.is_ascii_digit()), "{key}");
    let name = format!("local/project/{key}");
    let project = |secret: &str| json!({ "apiKey": key, "secret": secret });
    assert_eq!(stored(&stack, &name, "AWSCURRENT").await, project(&first));
    let missing = read(&stack, &name, "AWSPREVIOUS").await;
    assert_eq!(missing["__type"], "ResourceNotFoundException");
    assert_eq!(
        missing["message"],
        "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS"
    );

    let (same, second) = keys(&run(folder, &["--api-key", &key]));
    assert!(same == key && second != first);
    assert_eq!(stored(&stack, &name, "AWSCURRENT").await, project(&second));
    assert_eq!(stored(&stack, &name, "AWSPREVIOUS").await, project(&first));

    assert_eq!(keys(&run(folder, &["--api-key", &key, "--retire", "yes"])), (key.clone(), second.clone()));
    for stage in ["AWSCURRENT", "AWSPREVIOUS"] {
        assert_eq!(stored(&stack, &name, stage).await, project(&second), "{stage}");
    }
    assert_ne!(keys(&run(folder, &[])).0, key, "every project has a key of its own");
}

#[tokio::test]
async fn a_project_is_where_the_functions_look_for_it() {
    let stack = Stack::start().await;
    let output = Command::new(binary("arbiter-local"))
        .args(["env", "--function", "session-api", "--template"])
        .arg(repository().join("template.yaml"))
        .arg("--local-dir")
        .arg(stack.local_dir())
        .output()
        .unwrap();
    let environment = String::from_utf8(output.stdout).unwrap();
    let prefix = environment.lines().find_map(|line| line.strip_prefix("PROJECTS=")).unwrap();
    let (key, secret) = keys(&run(stack.local_dir(), &[]));
    let project = stored(&stack, &format!("{prefix}{key}"), "AWSCURRENT").await;
    assert_eq!(project["secret"], secret);
}

#[tokio::test]
async fn a_project_may_have_a_public_key() {
    let stack = Stack::start().await;
    let folder = stack.local_dir();
    let file = public_key();
    let pem = std::fs::read_to_string(&file).unwrap();
    let (key, secret) = keys(&run(folder, &["--public-key", file.to_str().unwrap()]));
    assert_eq!(key.len(), 36, "{key} is an application's id");
    let project = json!({ "apiKey": key, "secret": secret, "publicKey": pem });
    assert_eq!(stored(&stack, &format!("local/project/{key}"), "AWSCURRENT").await, project);
    let (_, rotated) = keys(&run(folder, &["--api-key", &key]));
    let project = json!({ "apiKey": key, "secret": rotated, "publicKey": pem });
    assert_eq!(stored(&stack, &format!("local/project/{key}"), "AWSCURRENT").await, project);

    let (key, secret) = keys(&run(folder, &[]));
    let given = run(folder, &["--api-key", &key, "--public-key", file.to_str().unwrap()]);
    assert_eq!(keys(&given), (key.clone(), secret.clone()), "the secret stays");
    let project = json!({ "apiKey": key, "secret": secret, "publicKey": pem });
    assert_eq!(stored(&stack, &format!("local/project/{key}"), "AWSCURRENT").await, project);

    let other = folder.join("other.pem");
    for (text, why) in [
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "private key"),
        ("ssh-rsa AAAA", "BEGIN PUBLIC KEY"),
    ] {
        std::fs::write(&other, text).unwrap();
        let said = refusal(&run(folder, &["--api-key", &key, "--public-key", other.to_str().unwrap()]));
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(stored(&stack, &format!("local/project/{key}"), "AWSCURRENT").await, project);
}

#[tokio::test]
async fn what_is_missing_is_said_with_what_to_do() {
    let stack = Stack::start().await;
    let said = refusal(&run(stack.local_dir(), &["--api-key", "47000001"]));
    assert!(said.contains("no project 47000001") && said.contains("API_KEY"), "{said}");
    let said = refusal(&run(stack.local_dir(), &["--api-key", "4700"]));
    assert!(said.contains("8 decimal digits, or a UUID"), "{said}");

    let empty = tempfile::tempdir().unwrap();
    let said = refusal(&run(empty.path(), &[]));
    assert!(said.contains("urls.json") && said.contains("make run"), "{said}");
    // A gateway that was killed has left its file.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = json!({ "secretsUrl": format!("http://{nobody}/secrets") });
    std::fs::write(empty.path().join("urls.json"), urls.to_string()).unwrap();
    let said = refusal(&run(empty.path(), &[]));
    assert!(said.contains("does not answer") && said.contains("make run"), "{said}");

    let said = refusal(&command(&["--aws", "yes"]).output().unwrap());
    assert!(said.contains("AWS_REGION"), "{said}");
    let said = refusal(&command(&["--aws", "yes"]).env("AWS_REGION", "eu-west-1").output().unwrap());
    assert!(said.contains("AWS_PROFILE"), "{said}");
}

/// The SDK can be sent elsewhere by its environment, so that what AWS would be asked is seen here.
#[tokio::test]
async fn on_aws_a_project_is_its_stacks() {
    let stack = Stack::start().await;
    let on_aws = |arguments: &[&str]| {
        command(arguments)
            .args(["--aws", "yes", "--stack", "calls"])
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "k")
            .env("AWS_SECRET_ACCESS_KEY", "s")
            .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", &stack.urls.secrets_url)
            .output()
            .unwrap()
    };
    let (key, secret) = keys(&on_aws(&[]));
    let project = json!({ "apiKey": key, "secret": secret });
    assert_eq!(stored(&stack, &format!("calls/project/{key}"), "AWSCURRENT").await, project);
    let said = refusal(&on_aws(&["--api-key", "47000001"]));
    assert!(said.contains("calls has no project 47000001") && said.contains("AWS_REGION"), "{said}");
}
