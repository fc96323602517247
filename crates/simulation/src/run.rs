//! One run, from its seed.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep, sleep_until};

use crate::checks::{self, Server};
use crate::client::{Client, Shared};
use crate::heard::Heard;
use crate::history::History;
use crate::mutes::Mutes;
use crate::page::{self, Page};
use crate::pages::Pages;
use crate::plan::Plan;
use crate::services::services;
use crate::world::World;
use crate::{checks_of_pages, project, sfu};

/// When everything has been done that was drawn, in simulated time.
const ACTS: Duration = Duration::from_mins(1);
/// How long the world then is calm: longer than the message of a queue that a killed function has kept takes to come again.
const CALM: Duration = Duration::from_mins(4);

/// How long a room takes to get warm, most often.
const WARM: Duration = Duration::from_secs(8);

/// What came of a run.
pub(crate) struct Outcome {
    /// What does not hold, in sentences.
    pub(crate) failures: Vec<String>,
    /// What has happened, if that was wanted, and a number that stands for it.
    pub(crate) record: (Vec<String>, u64),
}

/// Plays a run.
pub(crate) fn play(seed: u64, recorded: bool) -> Outcome {
    fastrand::seed(seed);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let outcome = LocalSet::new().block_on(&runtime, run(seed, recorded));
    // What still waits is dropped without being polled again.
    runtime.shutdown_background();
    outcome
}

async fn run(seed: u64, recorded: bool) -> Outcome {
    let world = World::new(seed, recorded, services);
    let plan = Plan::draw(&mut SmallRng::seed_from_u64(seed.rotate_left(32)));
    world.note(|| format!("{:?}", world.faults));
    world.note(|| format!("{plan:?}"));
    let mut sessions = vec![];
    for _ in 0..plan.sessions {
        sessions.push(project::session(&world).await);
    }
    let moments = world.moments.clone();
    let shared = Arc::new(Shared {
        world: Arc::clone(&world),
        history: History::default(),
        mutes: Mutes::default(),
        logs: plan.people.iter().map(|_| Heard::new(moments.clone())).collect(),
        moments,
        sessions,
        people: plan.people,
    });
    // Where rooms are kept warm, some are there from the beginning.
    let (visitors, page_acts) = page::draw(&mut SmallRng::seed_from_u64(seed.rotate_left(16)));
    world.note(|| format!("{visitors:?} {page_acts:?}"));
    let pages = Arc::new(Pages::new(&world, shared.moments.clone(), visitors));
    let warm = world.draw(|fate| fate.random_bool(0.4));
    let begin = Instant::now() + if warm { WARM } else { Duration::ZERO };
    // Clients look after themselves until the very end.
    let end = begin + ACTS + CALM * 3;
    spawn_local(sfu::start_all(Arc::clone(&pages), end));
    if warm {
        // Several that are asked for at once meet at the slots.
        for _ in 0..world.draw(|fate| fate.random_range(1..=3)) {
            let pages = Arc::clone(&pages);
            spawn_local(async move { pages.create().await });
        }
        sleep_until(begin).await;
    }
    for (n, acts) in plan.acts.into_iter().enumerate() {
        spawn_local(Client::new(n, &shared).live(acts, end));
    }
    for (n, acts) in page_acts.into_iter().enumerate() {
        spawn_local(Page::new(n, &pages).live(acts, end));
    }
    sleep(ACTS).await;
    world.becomes_calm();
    sleep(CALM).await;
    let owed = owed(&world);
    // A `$disconnect` that was lost has changed nothing: whoever is gone is found by the next posts. The second finds those
    // who came meanwhile.
    for _ in 0..3 {
        for session in &shared.sessions {
            let body = json!({ "data": "is anybody gone?" });
            let answer = project::rest(&world, "POST", session, "/signal", Some(body)).await;
            assert_eq!(answer.0, 204, "{answer:?}");
        }
        *pages.probes.lock().unwrap() += 1;
        sleep(CALM / 4).await;
    }
    // SFUs ask and answer all the time: a moment in which nothing is under way.
    let patience = Instant::now() + CALM / 4;
    while world.functions.under_way() > 0 && Instant::now() < patience {
        sleep(Duration::from_millis(1)).await;
    }
    let quiet = world.functions.under_way() == 0;
    let mut servers = vec![];
    for session in &shared.sessions {
        let listed = project::rest(&world, "GET", session, "/connection", None).await;
        servers.push(Server { listed, items: world.tables.items(Some(&format!("ROOM#{session}"))) });
    }
    let mut failures = checks::failures(&shared, &servers);
    if !quiet {
        failures.push("a function is always under way".into());
    }
    failures.extend(owed);
    failures.extend(checks_of_pages::failures(&pages));
    Outcome { failures, record: world.recorded() }
}

/// What rooms are owed although there was time enough to tell them, and the stream did not give up.
fn owed(world: &World) -> Vec<String> {
    let items = world.tables.items(None);
    let owed = items.iter().filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("OWED#"));
    let given_up = world.given_up();
    // A message that a killed function had taken comes again after three minutes, more than once if need be.
    let late = |item: &&Value| {
        let until = item["awayUntil"]["N"].as_str().map(|until| until.parse::<u64>().unwrap());
        until.is_some_and(|until| until + 60_000 < world.now()) && !world.queues_wait()
    };
    let away = items.iter().filter(late).map(|item| format!("nobody has ended the grace of {item}"));
    let left = owed.filter(|item| !given_up.contains(&item["sk"].to_string()));
    left.map(|item| format!("nobody has told of {item}")).chain(away).collect()
}
