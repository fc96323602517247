use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("arbiter-local-{}", crate::ids::task())))
    }

    fn open(&self, secrets: &[Secret]) -> Secrets {
        Secrets::open(secrets, &self.0, false).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn generated() -> Secret {
    let source = SecretSource::Generated {
        length: 64,
        punctuation: false,
        within: Some((serde_json::Map::new(), "k1".into())),
    };
    Secret { logical: "S".into(), name: "n".into(), arn: "arn:s".into(), source }
}

fn version(id: &str, text: &str) -> Version {
    Version { id: id.into(), text: text.into() }
}

fn text(secrets: &Secrets, id: &str, stage: &str) -> Result<String, Refusal> {
    secrets.get(id, stage).map(|value| value.version.text)
}

#[test]
fn a_generated_secret_is_a_flat_object_and_stays_the_same() {
    let folder = Folder::new();
    let value = text(&folder.open(&[generated()]), "arn:s", CURRENT).unwrap();
    assert_eq!(text(&folder.open(&[generated()]), "n", CURRENT).as_ref(), Ok(&value));
    let object: serde_json::Value = serde_json::from_str(&value).unwrap();
    let key = object["k1"].as_str().unwrap();
    assert!(key.len() == 64 && key.chars().all(char::is_alphanumeric));
}

#[test]
fn a_made_secret_has_two_values_and_outlives_the_gateway() {
    let folder = Folder::new();
    let secrets = folder.open(&[]);
    let made = secrets.create("local/project/1-2", version("a", "1")).unwrap();
    assert_eq!((made.name.as_str(), made.stage), ("local/project/1-2", CURRENT));
    assert_eq!(text(&secrets, &made.arn, PREVIOUS), Err(Refusal::NoStage(PREVIOUS.into())));
    assert_eq!(text(&secrets, &made.arn, "mine"), Err(Refusal::NoStage("mine".into())));
    secrets.put(&made.arn, version("b", "2")).unwrap();
    for secrets in [&secrets, &folder.open(&[])] {
        assert_eq!(text(secrets, "local/project/1-2", CURRENT).as_deref(), Ok("2"));
        assert_eq!(text(secrets, &made.arn, PREVIOUS).as_deref(), Ok("1"));
        let exists = Refusal::Exists("local/project/1-2".into());
        assert_eq!(secrets.create("local/project/1-2", version("c", "3")).err(), Some(exists));
    }
}

#[test]
fn a_repeated_call_changes_nothing() {
    let folder = Folder::new();
    let secrets = folder.open(&[]);
    assert_eq!(secrets.put("x", version("a", "1")).err(), Some(Refusal::Unknown));
    for _ in 0..2 {
        secrets.create("x", version("a", "1")).unwrap();
    }
    for _ in 0..2 {
        secrets.put("x", version("b", "2")).unwrap();
    }
    assert_eq!(secrets.put("x", version("a", "1")).unwrap().stage, PREVIOUS);
    assert_eq!(secrets.put("x", version("b", "3")).err(), Some(Refusal::VersionExists("b".into())));
    assert_eq!(text(&secrets, "x", CURRENT).as_deref(), Ok("2"));
    assert_eq!(text(&secrets, "x", PREVIOUS).as_deref(), Ok("1"));
}

#[test]
fn in_memory_a_made_secret_ends_with_the_gateway() {
    let folder = Folder::new();
    let secrets = Secrets::open(&[generated()], &folder.0, true).unwrap();
    secrets.create("x", version("a", "1")).unwrap();
    assert_eq!(text(&secrets, "x", CURRENT).as_deref(), Ok("1"));
    assert_eq!(text(&folder.open(&[]), "x", CURRENT), Err(Refusal::Unknown));
}

/// `make token` signs with them.
#[test]
fn the_keys_of_the_template_are_told_from_other_secrets() {
    let folder = Folder::new();
    let secrets = folder.open(&[generated()]);
    secrets.create("local/project/1", version("a", "{}")).unwrap();
    let only = |value: &str| [("S".to_owned(), value.to_owned())].into();
    let first = text(&secrets, "S", CURRENT).unwrap();
    assert_eq!(file::of_template(&folder.0), Ok(only(&first)));
    secrets.put("S", version("b", "{\"k2\":\"0\"}")).unwrap();
    assert_eq!(file::of_template(&folder.0), Ok(only("{\"k2\":\"0\"}")));
    assert_eq!(text(&folder.open(&[generated()]), "S", PREVIOUS), Ok(first));
}
