//! What has to hold of pages, their rooms and SFUs, at rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::heard::Note;
use crate::names::MAX_ROOMS;
use crate::pages::{Pages, Place, Stamp};

/// What does not hold, in sentences.
pub(crate) fn failures(pages: &Pages) -> Vec<String> {
    let mut check = Check {
        pages,
        items: pages.world.tables.items(None),
        places: pages.places.lock().unwrap().clone(),
        found: pages.wrong.lock().unwrap().clone(),
    };
    check.members();
    check.paths();
    check.slots();
    check.sfus();
    check.told();
    check.found
}

struct Check<'a> {
    pages: &'a Pages,
    items: Vec<Value>,
    places: Vec<Option<Place>>,
    found: Vec<String>,
}

impl Check<'_> {
    fn of_kind<'a>(
        &'a self,
        pk: &'a str,
        sk: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
        self.items.iter().filter_map(move |item| {
            let key = |name: &str, prefix: &str| item[name]["S"].as_str()?.strip_prefix(prefix);
            Some((key("pk", pk)?, key("sk", sk)?, item))
        })
    }

    /// The members of rooms and sessions: by room and peer, their sockets.
    fn all_members(&self) -> BTreeMap<(String, String), Stamp> {
        let members = self.of_kind("ROOM#", "PEER#");
        members.map(|(room, peer, item)| ((room.to_owned(), peer.to_owned()), stamp(item))).collect()
    }

    fn room(&self, id: &str) -> Option<&Value> {
        self.of_kind("ROOM#", "ROOM")
            .find(|(room, rest, _)| *room == id && rest.is_empty())
            .map(|(.., item)| item)
    }

    /// Nobody lost, nobody doubled, no ghost where somebody would be posted to.
    fn members(&mut self) {
        let members = self.all_members();
        let mut found = vec![];
        for (place, visitor) in self.places.iter().zip(&self.pages.visitors) {
            if let Some(place) = place {
                let own = members.get(&(place.room.clone(), visitor.id.clone()));
                if own.is_none_or(|stamp| stamp.1 != place.connection) {
                    found.push(format!("{} has {place:?}, and the table {own:?}", visitor.id));
                }
            }
        }
        let sfus = self.pages.sfus.all();
        for ((room, peer), on) in
            members.iter().filter(|((room, _), _)| sfus.get(room).is_some_and(|sfu| sfu.there))
        {
            let n = self.pages.visitors.iter().position(|visitor| visitor.id == *peer);
            // Of sessions others see to that.
            let Some(n) = n else { continue };
            if self.places[n].as_ref().is_none_or(|place| place.room != *room || place.connection != on.1) {
                found.push(format!("{peer} is no more in {room} on {on:?}, and the table has it"));
            }
        }
        self.found.append(&mut found);
    }

    /// No double claim: a path has one room, a room one path or one session.
    fn paths(&mut self) {
        let mut found = vec![];
        let mut rooms = BTreeMap::new();
        for (path, _, item) in self.of_kind("PATH#", "PATH") {
            let id = item["roomId"]["S"].as_str().unwrap();
            let room = self.room(id);
            let claimed = room.is_some_and(|room| {
                room["status"]["S"] == "claimed"
                    && room["urlPath"]["S"] == path
                    && room["sessionId"].is_null()
            });
            if !claimed || rooms.insert(id, path).is_some() {
                found.push(format!("{path} has {id}, which is {room:?}"));
            }
        }
        for (session, _, item) in self.of_kind("ROOM#", "SESSION") {
            let Some(id) = item["sfuRoom"]["S"].as_str() else { continue };
            let room = self.room(id);
            let claimed = room.is_some_and(|room| {
                room["status"]["S"] != "pending"
                    && room["sessionId"]["S"] == session
                    && room["urlPath"].is_null()
            });
            if !claimed || rooms.insert(id, session).is_some() {
                found.push(format!("session {session} has {id}, which is {room:?}"));
            }
        }
        for (place, visitor) in self.places.iter().zip(&self.pages.visitors) {
            let Some(place) = place else { continue };
            if rooms.get(place.room.as_str()) != Some(&visitor.path) {
                found.push(format!(
                    "{} of {} is in {}, and the paths are {rooms:?}",
                    visitor.id, visitor.path, place.room
                ));
            }
        }
        self.found.append(&mut found);
    }

    /// No slot leaked: each is a room's that may have an SFU, and each such room has its own.
    fn slots(&mut self) {
        let now = self.pages.world.now() / 1_000;
        let lives = |item: &Value| item["expiresAt"]["N"].as_str().unwrap().parse::<u64>().unwrap() > now;
        let mut found = vec![];
        let mut held = BTreeMap::new();
        for (_, number, item) in self.of_kind("SLOTS", "SLOT#").filter(|(.., item)| lives(item)) {
            let id = item["roomId"]["S"].as_str().unwrap();
            held.insert(number.to_owned(), id.to_owned());
            let room = self.room(id);
            // The SFU of a room that a claim has closed may run on, without a gateway, until the slot's lease is over.
            let over = |room: &Value| room["status"]["S"] == "closed" && room["sfuLostAt"].is_null();
            if room.is_none_or(|room| over(room) || room["slot"]["N"] != number) {
                found.push(format!("slot {number} is that of {id}, which is {room:?}"));
            }
        }
        if held.len() > MAX_ROOMS {
            found.push(format!("there are more rooms than slots: {held:?}"));
        }
        let sfus = self.pages.sfus.all();
        for (room, _) in sfus.iter().filter(|(_, sfu)| sfu.there) {
            if !held.values().any(|id| id == room) {
                found.push(format!("the SFU of {room} is there without a slot"));
            }
        }
        self.found.append(&mut found);
    }

    /// An SFU knows who is there, and nobody else.
    fn sfus(&mut self) {
        let members = self.all_members();
        let mut found = vec![];
        for (room, sfu) in self.pages.sfus.all().iter().filter(|(_, sfu)| sfu.there) {
            for (peer, on) in &sfu.known {
                let serves = sfu.serves.as_ref().unwrap_or(room);
                if members.get(&(serves.clone(), peer.clone())) != Some(on) {
                    found.push(format!("the SFU of {room} knows {peer} on {on:?}, who is not there"));
                }
            }
            for (place, visitor) in self.places.iter().zip(&self.pages.visitors) {
                if place.as_ref().is_some_and(|place| place.room == *room && place.offered)
                    && !sfu.known.contains_key(&visitor.id)
                {
                    found.push(format!("the SFU of {room} does not know {}, who is there", visitor.id));
                }
            }
        }
        self.found.append(&mut found);
    }

    /// Everybody told of those who are gone, and of nobody who is there.
    fn told(&mut self) {
        let on: BTreeSet<_> = self.all_members().into_iter().map(|((_, peer), on)| (peer, on.1)).collect();
        let ended = |n: usize| {
            let entries = self.pages.logs[n].entries();
            let ends = entries.into_iter().filter_map(|entry| match entry.note {
                Note::Hears(message) if message["type"] == "clientDisconnect" => Some((
                    entry.at,
                    message["clientId"].as_str().unwrap().to_owned(),
                    message["connectionId"].as_str().unwrap().to_owned(),
                )),
                Note::Hears(_) | Note::Asks | Note::Goes | Note::Breaks | Note::Ends => None,
            });
            ends.collect::<Vec<_>>()
        };
        let identified = |n: usize| {
            let entries = self.pages.logs[n].entries();
            entries.into_iter().filter_map(|entry| match entry.note {
                Note::Hears(message) if message["type"] == "identified" => {
                    Some((entry.at, message["roomId"].as_str().unwrap().to_owned()))
                }
                Note::Hears(_) | Note::Asks | Note::Goes | Note::Breaks | Note::Ends => None,
            })
        };
        let (visitors, sfus) = (&self.pages.visitors, self.pages.sfus.all());
        let mut found = vec![];
        for (n, place) in self.places.iter().enumerate() {
            let heard = ended(n);
            for (_, peer, connection) in &heard {
                if on.contains(&(peer.clone(), connection.clone())) {
                    found.push(format!("{} has heard that {peer} is gone, who is there", visitors[n].id));
                }
            }
            let Some(place) = place else { continue };
            // Whose `$disconnect` was lost is found by a post, and nobody else posts in a room.
            if !sfus.get(&place.room).is_some_and(|sfu| sfu.there) {
                continue;
            }
            // Who came after it into the same room, and is not there any more.
            for other in 0..visitors.len() {
                let came = identified(other).filter(|(_, room)| *room == place.room).map(|(at, _)| at);
                let there = self.places[other].as_ref().is_some_and(|there| there.room == place.room);
                let Some(came) = came.max().filter(|came| *came > place.from && !there) else { continue };
                if !heard.iter().any(|(at, peer, _)| *at > came && *peer == visitors[other].id) {
                    found.push(format!(
                        "{} has not heard that {} is gone",
                        visitors[n].id, visitors[other].id
                    ));
                }
            }
        }
        self.found.append(&mut found);
    }
}

fn stamp(item: &Value) -> Stamp {
    let at = item["connectedAt"]["N"].as_str().unwrap().parse().unwrap();
    (at, item["connectionId"]["S"].as_str().unwrap().to_owned())
}
