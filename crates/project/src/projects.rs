//! What can be done with a project. Its secret in Secrets Manager has two values that are good, `AWSCURRENT` and
//! `AWSPREVIOUS`: whoever signs with the older one is not refused while the newer one is being rolled out.

use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use model::session::{ApiKey, Project};

use crate::failure::Failure;
use crate::keys;
use crate::place::Place;

const CREATE: &str = "CreateSecret";
const READ: &str = "GetSecretValue";
const PUT: &str = "PutSecretValue";

/// How many keys are tried: of 90 million, so that one is free.
const TRIES: usize = 10;

/// Makes a project under a key of its own: eight digits, or with a public key a UUID.
///
/// Race: of two that find the same key the second is told so by `CreateSecret`, and takes another.
pub(crate) async fn create(place: &Place, public_key: Option<String>) -> Result<Project, Failure> {
    for _ in 0..TRIES {
        let api_key = if public_key.is_some() { keys::uuid() } else { keys::number() };
        let api_key = api_key.map_err(|error| Failure::Here(std::io::Error::other(error)))?;
        let project = Project { api_key, secret: keys::secret(), public_key: public_key.clone() };
        let (api_key, name) = (&project.api_key, place.name(&project.api_key));
        let call = place.client.create_secret().name(name).secret_string(json(&project)?);
        let description = format!("The keys of project {api_key} of {}", place.stack());
        match call.description(description).send().await {
            Ok(_) => return Ok(project),
            Err(error)
                if error.as_service_error().is_some_and(CreateSecretError::is_resource_exists_exception) => {}
            Err(error) => return Err(place.failure(api_key, CREATE, &error)),
        }
    }
    Err(Failure::NoFreeKey)
}

/// Gives a project a new secret. The one before stays good.
///
/// Race: of two rotations at a time each makes a secret, and both are good; the one from before is not.
pub(crate) async fn rotate(place: &Place, api_key: ApiKey) -> Result<Project, Failure> {
    let project = read(place, api_key).await?;
    put(place, Project { secret: keys::secret(), ..project }).await
}

/// Ends the secret before the current one: the current one becomes `AWSPREVIOUS` too.
///
/// Race: a rotation at the same time may be taken back by this; what it made is `AWSPREVIOUS` then, and good.
pub(crate) async fn retire(place: &Place, api_key: ApiKey) -> Result<Project, Failure> {
    let project = read(place, api_key).await?;
    put(place, project).await
}

/// Gives a project another public key. Its secret stays, and the public key before stays good until the next change.
pub(crate) async fn set_public_key(
    place: &Place,
    api_key: ApiKey,
    public_key: String,
) -> Result<Project, Failure> {
    let project = read(place, api_key).await?;
    put(place, Project { public_key: Some(public_key), ..project }).await
}

async fn read(place: &Place, api_key: ApiKey) -> Result<Project, Failure> {
    let secret = place.name(&api_key);
    let value = place.client.get_secret_value().secret_id(&secret).send().await;
    let value = value.map_err(|error| place.failure(&api_key, READ, &error))?;
    let text = value.secret_string.unwrap_or_default();
    let project: Project = serde_json::from_str(&text).map_err(|error| Failure::NotAProject {
        secret: secret.clone(),
        // Only the place: the rest of its text may be a part of the secret.
        why: format!("it is no JSON of one, at column {}", error.column()),
    })?;
    if project.api_key != api_key {
        return Err(Failure::NotAProject { secret, why: "it names another API key".to_owned() });
    }
    Ok(project)
}

async fn put(place: &Place, project: Project) -> Result<Project, Failure> {
    let (api_key, name) = (&project.api_key, place.name(&project.api_key));
    let call = place.client.put_secret_value().secret_id(name).secret_string(json(&project)?);
    call.send().await.map_err(|error| place.failure(api_key, PUT, &error))?;
    Ok(project)
}

fn json(project: &Project) -> Result<String, Failure> {
    serde_json::to_string(project).map_err(|error| Failure::Here(error.into()))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Takes one request for each answer, and hands their bodies back: no gateway can be made to have a key that nobody
    /// knows yet.
    fn answering(listener: &TcpListener, answers: &'static [(u16, &str)]) -> Vec<serde_json::Value> {
        let take = |(status, body): &(u16, &str)| {
            let mut socket = listener.accept().unwrap().0;
            let (mut request, mut length) = (BufReader::new(socket.try_clone().unwrap()), 0);
            for line in request.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut bytes = vec![0; length];
            request.read_exact(&mut bytes).unwrap();
            let answer = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(answer.as_bytes()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        answers.iter().map(take).collect()
    }

    #[tokio::test]
    async fn a_key_that_is_taken_is_left_for_another() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = std::env::temp_dir().join(format!("arbiter-project-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let urls = format!(r#"{{"secretsUrl":"http://{}"}}"#, listener.local_addr().unwrap());
        std::fs::write(folder.join("urls.json"), urls).unwrap();
        let taken = (400, r#"{"__type":"ResourceExistsException","message":"taken"}"#);
        let answers = Box::leak(Box::new([taken, taken, (200, "{}")]));
        let server = std::thread::spawn(move || answering(&listener, answers));
        let place = Place::local(folder.clone()).await.unwrap();
        let project = create(&place, None).await.unwrap();
        let asked = server.join().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        assert_ne!(asked[0]["Name"], asked[2]["Name"]);
        assert_eq!(asked[2]["Name"], place.name(&project.api_key));
        let stored: Project = serde_json::from_str(asked[2]["SecretString"].as_str().unwrap()).unwrap();
        assert_eq!(stored.secret, project.secret);
    }
}
