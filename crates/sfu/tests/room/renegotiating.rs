//! What changes while a call goes on: tracks, networks, pages, and connections that break.

use std::time::Duration;

use str0m::media::MediaKind;

use super::client::Client;
use super::joining::{all_meet, call, receives};
use super::world::World;

fn videos(world: &mut World, who: &str, of: &str) -> Vec<(bool, usize)> {
    let receiver = &world.client(who).receivers[of];
    let videos = receiver.tracks.iter().filter(|track| track.kind == MediaKind::Video);
    videos.map(|track| (track.open, track.got.len())).collect()
}

#[test]
fn a_camera_that_is_added_later_is_seen() {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.microphone();
    world.enter(ben);
    world.until("ben is heard", 5, |world| {
        world.client("anna").receivers.get("ben").is_some_and(|receiver| !receiver.audio().is_empty())
    });
    let now = world.now;
    world.client("ben").camera(&[None]);
    world.client("ben").offer(now);
    world.until("ben is seen", 5, |world| receives(world, "anna", "ben"));
    assert!(world.client("anna").receivers["ben"].video()[0].key);
    assert_eq!(world.client("anna").receivers["ben"].offers.len(), 2, "on the same connection");
}

#[test]
fn a_client_that_joined_with_nothing_can_add_everything() {
    let mut world = World::new();
    world.join("anna");
    let ben = Client::new("ben", world.now);
    world.enter(ben);
    world.until("ben gets anna", 5, |world| receives(world, "ben", "anna"));
    let now = world.now;
    world.client("ben").microphone();
    world.client("ben").camera(&[None]);
    world.client("ben").offer(now);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn a_screen_comes_and_goes_and_comes_without_the_offer_growing() {
    let mut world = call(&["anna", "ben"]);
    let mut sizes = vec![];
    for round in 0..4 {
        let now = world.now;
        let anna = world.client("anna");
        anna.video(&format!("screen{round}"), &[None]);
        anna.offer(now);
        world.until("the screen is seen", 5, |world| {
            let videos = videos(world, "ben", "anna");
            videos.len() == 2 && videos.iter().all(|(open, got)| *open && *got > 0)
        });
        let offer = world.client("ben").receivers["anna"].offers.last().unwrap().clone();
        assert!(offer.contains(&format!("a=msid:screen{round} ")), "{offer}");
        assert!(offer.contains("a=msid:camera "));
        sizes.push(offer.len());
        let before = videos(&mut world, "ben", "anna")[1].1;
        let now = world.now;
        let anna = world.client("anna");
        let screen = anna.sources.len() - 1;
        anna.end(screen);
        anna.offer(now);
        world.until("the screen is gone", 5, |world| !videos(world, "ben", "anna")[1].0);
        world.seconds(1);
        assert!(videos(&mut world, "ben", "anna")[1].1 >= before);
        assert!(receives(&mut world, "ben", "anna"), "the camera goes on");
        let offer = world.client("ben").receivers["anna"].offers.last().unwrap();
        // libwebrtc refuses SSRCs without a track, and shows nothing any more of those that were not named for a while.
        let mut quiet = offer.split("m=").filter(|section| section.contains("a=inactive"));
        assert!(
            quiet.all(|section| section.contains("a=ssrc-group:FID") && section.contains("a=msid:- ")),
            "{offer}"
        );
    }
    assert!(sizes.iter().max().unwrap() - sizes[0] < 20, "{sizes:?}");
    let receiver = &world.client("ben").receivers["anna"];
    let screen = receiver.tracks.iter().filter(|track| track.kind == MediaKind::Video).nth(1).unwrap();
    assert!(screen.got.windows(2).all(|pair| pair[1].seq > pair[0].seq), "one stream for all of them");
}

#[test]
fn a_change_during_an_outstanding_offer_is_offered_after_it() {
    let mut world = call(&["anna", "ben"]);
    let now = world.now;
    world.client("ben").deaf = true;
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    world.pass(Duration::from_millis(300));
    let (now, offers) = (world.now, world.offers_to("ben"));
    world.client("anna").video("second", &[None]);
    world.client("anna").offer(now);
    world.pass(Duration::from_millis(300));
    assert_eq!(world.offers_to("ben"), offers, "one at a time");
    world.client("ben").deaf = false;
    world.until("both are seen", 12, |world| {
        let videos = videos(world, "ben", "anna");
        videos.len() == 3 && videos.iter().all(|(open, got)| *open && *got > 0)
    });
}

#[test]
fn ice_is_restarted_after_a_change_of_network() {
    let mut world = call(&["anna", "ben"]);
    let now = world.now;
    world.client("anna").restart();
    world.client("anna").offer(now);
    let answers = world.client("anna").answers;
    world.until("it is answered", 5, |world| world.client("anna").answers > answers);
    // The old way is no more.
    let before = world.client("anna").producer.address;
    let after = "198.51.100.99:9".parse().unwrap();
    world.dead.push(before);
    world.client("anna").moved(after);
    world.seconds(3);
    all_meet(&mut world, &["anna", "ben"]);
    assert_eq!(world.offers_to("ben"), 1, "nobody else has to do with it");
}

#[test]
fn a_reloaded_page_with_the_same_id_is_the_same_peer() {
    let mut world = call(&["anna", "ben"]);
    let now = world.now;
    world.client("anna").refresh(now, "anna-2");
    world.client("anna").offer(now);
    world.pass(Duration::from_millis(100));
    // The gateway hears of the old page's socket only now.
    world.disconnect("anna", "anna-1", "left");
    world.disconnect("anna", "anna-1", "lost");
    let ben = world.client("ben").receivers["anna"].fingerprint.clone();
    all_meet(&mut world, &["anna", "ben"]);
    assert_eq!(world.room.gauges().peers, 2);
    assert_eq!(world.client("ben").receivers["anna"].fingerprint, ben, "ben's connection goes on");
}

#[test]
fn a_new_producer_connection_takes_the_place_of_a_failed_one() {
    let mut world = call(&["anna", "ben"]);
    let before = world.client("ben").receivers["anna"].video().last().unwrap().clone();
    let (now, old) = (world.now, world.client("anna").producer.address);
    world.dead.push(old);
    world.client("anna").reconnect(now);
    world.client("anna").offer(now);
    world.seconds(2);
    all_meet(&mut world, &["anna", "ben"]);
    let got = world.client("ben").receivers["anna"].video().to_vec();
    let first = got.iter().find(|got| got.at > before.at && got.key).unwrap();
    assert_eq!(first.seq, before.seq.max(got.iter().take_while(|g| g.at < first.at).last().unwrap().seq) + 1);
    assert!(got.windows(2).all(|pair| pair[1].time.wrapping_sub(pair[0].time) < 900_000), "time goes on");
}

#[test]
fn an_offer_of_an_earlier_connection_is_ignored() {
    let mut world = call(&["anna", "ben"]);
    let now = world.now;
    let mut old = Client::new("anna", now);
    old.microphone();
    old.offer(now);
    let first = world.client("anna").first_offer.clone();
    world.client("anna").reconnect(now);
    world.client("anna").offer(now);
    world.seconds(1);
    world.gateway(&first);
    world.seconds(1);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn a_dead_consumer_is_replaced_while_its_receiver_is_alive() {
    let mut world = call(&["anna", "ben"]);
    let receiver = &world.client("ben").receivers["anna"];
    let (address, fingerprint) = (receiver.connection.address, receiver.fingerprint.clone());
    world.dead.push(address);
    world.until("another connection", 12, |world| {
        world.client("ben").receivers["anna"].fingerprint != fingerprint
    });
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn a_connection_that_is_rolled_back_is_replaced_at_most_once_a_second() {
    let mut world = call(&["anna", "ben"]);
    world.seconds(2);
    let start = world.now;
    let offers = world.offers_to("ben");
    while world.now - start < Duration::from_secs(5) {
        world.client("ben").roll_back("anna", None);
        world.pass(Duration::from_millis(50));
    }
    let made = world.offers_to("ben") - offers;
    assert!((2..=5).contains(&made), "{made}");
    world.seconds(2);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn an_unanswered_offer_is_repeated_with_growing_pauses_and_given_up() {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.microphone();
    ben.deaf = true;
    world.enter(ben);
    world.until("the first offer", 5, |world| world.offers_to("ben") == 1);
    world.pass(Duration::from_millis(5_300));
    assert_eq!(world.offers_to("ben"), 2);
    for source in &mut world.client("anna").sources {
        source.muted = true;
    }
    world.seconds(330);
    let tried = world.offers_to("ben");
    assert!((10..30).contains(&tried), "{tried}");
    world.seconds(100);
    assert_eq!(world.offers_to("ben"), tried);
    for source in &mut world.client("anna").sources {
        source.muted = false;
    }
    // Something new from either side begins it again.
    let now = world.now;
    world.client("ben").deaf = false;
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    world.until("ben gets anna", 20, |world| receives(world, "ben", "anna"));
}

#[test]
fn a_rollback_of_a_replaced_connection_is_ignored() {
    let mut world = call(&["anna", "ben"]);
    world.seconds(2);
    world.client("ben").roll_back("anna", Some(1));
    world.until("another connection", 2, |world| world.offers_to("ben") == 2);
    all_meet(&mut world, &["anna", "ben"]);
    world.seconds(2);
    world.client("ben").roll_back("anna", Some(1));
    world.seconds(3);
    assert_eq!(world.offers_to("ben"), 2);
    world.client("ben").roll_back("anna", Some(2));
    world.until("a third connection", 2, |world| world.offers_to("ben") == 3);
}

#[test]
fn the_numbers_of_offers_grow_over_all_connections_of_their_receiver() {
    let mut world = call(&["anna", "ben", "cleo"]);
    let now = world.now;
    world.client("ben").reconnect(now);
    world.client("ben").offer(now);
    world.until("ben is offered both anew", 5, |world| world.offers_to("ben") == 4);
    assert_eq!(world.numbers_to("ben"), [1, 2, 3, 4]);
}

#[test]
fn a_key_frame_that_came_before_the_answer_is_requested_again() {
    let mut world = call(&["anna", "ben"]);
    let now = world.now;
    world.client("ben").deaf = true;
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    // A screen on which nothing moves: one frame, and no more until it is asked for one.
    world.until("the first frame", 2, |world| world.client("anna").sources[2].encodings[0].frames > 0);
    world.client("anna").sources[2].muted = true;
    world.pass(Duration::from_millis(500));
    assert!(world.client("anna").sources[2].encodings[0].requests.is_empty());
    world.client("ben").deaf = false;
    world.until("it is asked for another", 7, |world| {
        !world.client("anna").sources[2].encodings[0].requests.is_empty()
    });
}

#[test]
fn a_track_that_pauses_goes_on_with_a_key_frame_and_without_a_gap() {
    let mut world = call(&["anna", "ben"]);
    let now = world.now;
    world.client("anna").end(1);
    world.client("anna").offer(now);
    world.until("it is over", 5, |world| !videos(world, "ben", "anna")[0].0);
    world.seconds(1);
    let before = videos(&mut world, "ben", "anna")[0].1;
    // Frames come before ben has agreed to them.
    world.client("ben").deaf = true;
    let now = world.now;
    world.client("anna").resume(1);
    world.client("anna").offer(now);
    world.seconds(1);
    world.client("ben").deaf = false;
    world.until("it is seen again", 10, |world| receives(world, "ben", "anna"));
    world.seconds(1);
    let track =
        &world.client("ben").receivers["anna"].tracks.iter().find(|track| track.kind == MediaKind::Video);
    let got = &track.unwrap().got;
    assert!(got[before].key, "what builds on frames that were not sent cannot be decoded");
    assert_eq!(got[before].seq, got[before - 1].seq + 1, "nor can packets be asked for that were never sent");
}

/// Rejects every section of video.
fn without_video(sdp: &str) -> String {
    let (session, sections) = sdp.split_once("m=").unwrap();
    let mids: Vec<&str> = sections
        .split("\r\nm=")
        .filter(|section| section.starts_with("video"))
        .map(|section| section.split("a=mid:").nth(1).unwrap().split("\r\n").next().unwrap())
        .collect();
    let group = session.lines().find(|line| line.starts_with("a=group")).unwrap();
    let kept: Vec<&str> = group.split(' ').filter(|word| !mids.contains(word)).collect();
    sdp.replace(group, &kept.join(" ")).replace("m=video 9", "m=video 0")
}

#[test]
fn a_section_that_a_receiver_rejected_is_not_used_again() {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.microphone();
    ben.edit_answers = Some(without_video);
    world.enter(ben);
    world.until("ben hears anna", 5, |world| {
        world.client("ben").receivers.get("anna").is_some_and(|anna| !anna.audio().is_empty())
    });
    world.client("ben").edit_answers = None;
    let now = world.now;
    world.client("anna").end(1);
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    world.until("ben sees the screen", 5, |world| !world.client("ben").receivers["anna"].video().is_empty());
}

#[test]
fn a_receiver_that_takes_nothing_is_left_alone_until_there_is_something_else() {
    let mut world = World::new();
    let mut anna = Client::new("anna", world.now);
    anna.camera(&[None]);
    world.enter(anna);
    let mut ben = Client::new("ben", world.now);
    ben.microphone();
    ben.edit_answers = Some(without_video);
    world.enter(ben);
    world.seconds(20);
    assert_eq!(world.offers_to("ben"), 1);
    assert_eq!(world.room.counters().bad_descriptions, 0);
    world.client("ben").edit_answers = None;
    let now = world.now;
    world.client("anna").microphone();
    world.client("anna").offer(now);
    world.until("ben gets both", 5, |world| receives(world, "ben", "anna"));
}

/// Leaves one codec to sections of video.
fn only(sdp: &str, codec: &str) -> String {
    let (session, sections) = sdp.split_once("m=").unwrap();
    let sections: Vec<String> = sections
        .split("\r\nm=")
        .map(|section| {
            if !section.starts_with("video") {
                return section.to_owned();
            }
            let maps: Vec<&str> = section.lines().filter(|line| line.starts_with("a=rtpmap")).collect();
            let pts: Vec<&str> = maps
                .iter()
                .filter(|line| line.contains(codec))
                .map(|line| line["a=rtpmap:".len()..].split(' ').next().unwrap())
                .collect();
            let (line, rest) = section.split_once("\r\n").unwrap();
            let words: Vec<&str> = line.split(' ').take(3).chain(pts).collect();
            format!("{}\r\n{rest}", words.join(" "))
        })
        .collect();
    format!("{session}m={}", sections.join("\r\nm="))
}

#[test]
fn a_later_track_of_another_codec_is_received_too() {
    let mut world = World::new();
    world.join("ben");
    let mut anna = Client::new("anna", world.now);
    anna.microphone();
    anna.camera(&[None]);
    anna.edit = Some(|sdp| only(sdp, "VP8"));
    world.enter(anna);
    all_meet(&mut world, &["anna", "ben"]);
    world.client("anna").edit = Some(|sdp| {
        let (before, last) = sdp.rsplit_once("m=video").unwrap();
        format!("{before}{}", only(&format!("v=0\r\nm=video{last}"), "H264").split_once("\r\n").unwrap().1)
    });
    let now = world.now;
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    world.until("it is offered to ben", 5, |world| {
        let offers = &world.client("ben").receivers["anna"].offers;
        let screen = offers.last().unwrap().split("m=").find(|section| section.contains("a=msid:screen"));
        screen.is_some_and(|screen| screen.contains("H264/90000"))
    });
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn a_new_connection_may_have_the_certificate_of_the_last_one() {
    let mut world = call(&["anna", "ben"]);
    let provider = str0m::crypto::from_feature_flags();
    world.client("anna").certificate = provider.dtls_provider.generate_certificate();
    let now = world.now;
    world.client("anna").reconnect(now);
    world.client("anna").offer(now);
    world.seconds(2);
    all_meet(&mut world, &["anna", "ben"]);
    world.client("anna").hang_up();
    world.seconds(2);
    let now = world.now;
    world.client("anna").reconnect(now);
    world.client("anna").offer(now);
    world.seconds(2);
    all_meet(&mut world, &["anna", "ben"]);
    let now = world.now;
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    world.until("the screen is seen", 5, |world| {
        videos(world, "ben", "anna").iter().filter(|(open, _)| *open).count() == 2
    });
}

#[test]
fn a_video_that_pauses_leaves_its_receivers_their_connection() {
    for microphone in [true, false] {
        let mut world = World::new();
        world.join("ben");
        let mut anna = Client::new("anna", world.now);
        if microphone {
            anna.microphone();
        }
        anna.camera(&[None]);
        anna.edit = Some(|sdp| only(sdp, "VP8"));
        world.enter(anna);
        world.until("ben sees anna", 5, |world| {
            world.client("ben").receivers.get("anna").is_some_and(|anna| !anna.video().is_empty())
        });
        let before = world.client("ben").receivers["anna"].fingerprint.clone();
        let camera = world.client("anna").sources.len() - 1;
        let now = world.now;
        world.client("anna").end(camera);
        world.client("anna").offer(now);
        world.until("ben hears that it is over", 5, |world| !videos(world, "ben", "anna")[0].0);
        world.seconds(3);
        assert_eq!(world.client("ben").receivers["anna"].fingerprint, before);
    }
}
