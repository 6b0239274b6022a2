"""What follows from a batch, and what must never follow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from moderation.cli.score import as_json
from moderation.effects import AccountRef, Assessment, Followed, Origin, Partition
from moderation.events import BadRecord, Ignored
from moderation.features.catalogue import FEATURES
from moderation.mapping import FieldMapping
from moderation.state.identifiers import account_number
from moderation.stream.assembly import Decoder
from moderation.stream.audit import AuditSampling
from moderation.stream.ordering import Item
from moderation.stream.pipeline import Outcome
from tests.unit.core.doubles import WordDetector, new_pipeline, new_state

LANE = Partition("c", "posts", "t", 0)
FULL = {"account_id": "a", "created_at": "2026-01-01T00:00:00Z", "client": {"ip": "9.9.2.1"}}


def item(offset: int, event: object, live_from: int = 0) -> Item:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Decoder({}, FieldMapping({}), {LANE: live_from}).item(Origin(LANE, offset, 1_790_000_000_000, None, raw))


def outcome(*events: object, live_from: int = 0) -> Outcome:
    return new_pipeline(new_state()).process([item(n, event, live_from) for n, event in enumerate(events)])


def assessed(found: Outcome) -> list[Assessment]:
    return [assessment for assessment in found.assessments if assessment is not None]


def robot(post_id: str, **fields: object) -> dict[str, object]:
    return {"post_id": post_id, "text": "I am a robot.", **FULL, **fields}


def test_a_producer_whose_clock_runs_ahead_moves_no_window() -> None:
    ahead = datetime.now(UTC) + timedelta(days=3)
    event = robot("p1", created_at=ahead.isoformat())
    origin = Origin(LANE, 0, int(ahead.timestamp() * 1000), None, json.dumps(event).encode())
    found = Decoder({}, FieldMapping({}), {}).item(origin).content
    assert isinstance(found, BadRecord)
    assert found.stage == "time"


def test_record_that_the_client_could_not_read_is_a_dead_letter_of_stage_record() -> None:
    raw = json.dumps(robot("p1")).encode()
    origin = Origin(LANE, 4, 1_790_000_000_000, None, raw, unreadable="the header key b'\\xe9' is not UTF-8")
    found = new_pipeline(new_state()).process([Decoder({}, FieldMapping({}), {}).item(origin)])
    (letter,) = found.effects.dead_letters
    assert (letter.stage, letter.reason) == ("record", "the header key b'\\xe9' is not UTF-8")
    assert letter.origin.value == raw
    assert found.effects.positions == {LANE: 5}
    assert found.effects.flags == []


def test_a_flag_carries_everything_that_makes_it_reproducible() -> None:
    found = outcome(robot("p1"))
    (flag,) = found.effects.flags
    assert flag.assessment.post_id == "p1"
    assert flag.assessment.reasons[0].sentence
    assert len(flag.assessment.detector_version) == 64
    assert flag.evidence.text == "I am a robot."
    assert flag.evidence.address_hash is not None
    assert "9.9.2.1" not in repr(flag)


def test_a_flag_lists_whom_its_author_followed_until_then() -> None:
    def follow(author: str, target: str, second: int) -> dict[str, object]:
        at = f"2026-01-01T00:00:{second:02}Z"
        return {"type": "follow", "account_id": author, "target_account_id": target, "at": at}

    post = robot("p1", created_at="2026-01-01T00:00:30Z")
    events = [follow("a", "b", 1), follow("a", "c", 2), follow("c", "a", 3), follow("a", "later", 40), post]
    (flag,) = outcome(*events).effects.flags
    assert flag.followed == (Followed(account_number("c"), mutual=True), Followed(account_number("b"), mutual=False))


def test_a_post_without_account_or_time_is_scored_and_never_flagged() -> None:
    found = outcome({"post_id": "p", "text": "robot"}, {"post_id": "q", "text": "robot", "account_id": "a"})
    assert found.effects.flags == []
    assert [a.synthetic_logit for a in assessed(found)] == [4.0, 4.0]
    assert [a.risk for a in assessed(found)] == [None, None]


def test_the_same_post_again_is_a_no_op_and_another_text_is_a_revision() -> None:
    found = outcome(robot("p"), robot("p"), robot("p", text="Still a robot."))
    assert [flag.evidence.text for flag in found.effects.flags] == ["I am a robot.", "Still a robot."]
    assert found.effects.counters["posts_repeated"] == 1


def test_a_repeat_is_a_no_op_whatever_came_in_between_and_on_a_rebuild_too() -> None:
    between = robot("q", created_at="2026-01-01T00:00:20Z", account_id="b")
    again = robot("p", created_at="2026-01-01T00:00:30Z", client={"ip": "9.9.2.9"})
    events = [robot("p"), between, robot("p"), again]
    live, rebuilt = new_state(), new_state()
    found = new_pipeline(live).process([item(n, event) for n, event in enumerate(events)])
    assert found.effects.counters["posts_repeated"] == 2
    new_pipeline(rebuilt).process([item(n, event, live_from=9) for n, event in enumerate(events)])
    assert rebuilt.coverage == live.coverage
    later = item(9, robot("r", created_at="2026-01-01T00:10:00Z"))
    after = [new_pipeline(state).process([later]).assessments[0] for state in (live, rebuilt)]
    assert after[0] == after[1]


def test_a_bad_record_becomes_one_dead_letter_and_stops_nobody() -> None:
    found = outcome(robot("p"), b"{broken", robot("q"))
    (letter,) = found.effects.dead_letters
    assert (letter.origin.offset, letter.origin.value, letter.stage) == (1, b"{broken", "decode")
    assert len(found.effects.flags) == 2
    assert found.effects.positions == {LANE: 3}


def test_a_silent_rebuild_restores_state_and_leaves_no_trace() -> None:
    found = outcome(robot("p"), b"{broken", {"type": "deletion"}, robot("p"), live_from=3)
    assert found.effects.flags == []
    assert found.effects.dead_letters == []
    assert found.effects.counters == {"posts": 1, "posts_repeated": 1, "texts_scored": 1}
    assert found.effects.positions == {LANE: 4}


def test_deletions_and_labels_pass_through() -> None:
    at = {"at": "2026-01-02T00:00:00Z"}
    found = outcome(
        {"type": "deletion", "post_id": "p", "account_id": "a", **at},
        {"type": "label", "post_id": "p", "verdict": "confirmed", "source": "desk", **at},
        {"type": "label", "post_id": "p", "verdict": "confirmed", "source": "desk", **at},
    )
    assert found.effects.deletions[0].post_id == "p"
    assert found.effects.labels[0].event_key == found.effects.labels[1].event_key


def test_invalid_values_are_counted_by_name() -> None:
    found = outcome(robot("p", client={"ip": "nowhere"}))
    assert found.effects.counters["invalid:client.ip"] == 1
    assert assessed(found)[0].missing == ("client.ip",)


def test_process_one_text_and_post_id_of_forty_accounts_judges_all() -> None:
    accounts = [f"a{number}" for number in range(40)]
    found = outcome(*(robot("3lrk0", account_id=account) for account in accounts))
    assert [flag.assessment.account_id for flag in found.effects.flags] == accounts
    assert "posts_repeated" not in found.effects.counters
    (repeated,) = outcome(*(robot("3lrk0") for _ in range(2))).effects.flags
    assert repeated.assessment.post_id == "3lrk0"


def test_process_one_post_id_of_many_accounts_counts_each_post_of_the_address() -> None:
    posts = [robot("same", account_id=f"a{number}") for number in range(12)]
    posts.append(robot("later", account_id="a0", created_at="2026-01-01T00:02:00Z"))
    vector = dict(zip((feature.name for feature in FEATURES), assessed(outcome(*posts))[-1].features, strict=True))
    assert vector["network_posts_1h"] == 13


def test_audit_sample_of_one_post_id_of_many_accounts_draws_some_of_them() -> None:
    sampling = AuditSampling(b"k" * 32, rate=0.3, flagged_rate=0.3)
    posts = [item(number, robot("same", account_id=f"a{number}")) for number in range(200)]
    drawn = new_pipeline(new_state(), sampling).process(posts).effects.audit_samples
    assert 30 <= len(drawn) <= 95


def test_process_refused_record_with_an_account_names_it_in_the_dead_letter() -> None:
    found = outcome({"post_id": "", "account_id": 17, "text": "x"}, {"post_id": "", "text": "x"}, b"not JSON")
    accounts = [letter.account for letter in found.effects.dead_letters]
    assert accounts == [AccountRef("p", "17"), None, None]


def test_the_audit_sample_depends_on_key_and_identity_alone() -> None:
    sampling = AuditSampling(b"k" * 32, rate=0.3, flagged_rate=1.0)
    posts = [item(n, {"post_id": f"p{n}", "text": "A walk.", **FULL}) for n in range(200)]
    first = new_pipeline(new_state(), sampling).process(posts).effects.audit_samples
    again = new_pipeline(new_state(), sampling).process(posts[::-1]).effects.audit_samples
    drawn = {sample.assessment.post_id for sample in first}
    assert drawn == {sample.assessment.post_id for sample in again}
    assert 30 <= len(drawn) <= 95
    assert all(sample.probability == 0.3 for sample in first)
    other = AuditSampling(b"z" * 32, rate=0.3, flagged_rate=1.0)
    assert drawn != {
        s.assessment.post_id for s in new_pipeline(new_state(), other).process(posts).effects.audit_samples
    }


def test_the_declared_language_reaches_the_detector_and_one_that_is_none_counts_as_missing() -> None:
    detector = WordDetector()
    posts = [robot("p", lang="pt-BR"), robot("q", account_id="b"), robot("r", account_id="c", lang=["pt"])]
    items = [item(number, post) for number, post in enumerate(posts)]
    new_pipeline(new_state(), detector=detector).process(items)
    assert detector.languages == ["pt-BR", None, None]


def test_an_assessment_says_why_the_text_has_no_score() -> None:
    found = outcome(robot("p"), robot("q", text=" ", account_id="b"), robot("r", text="k", account_id="c"))
    assert [a.content_abstained for a in assessed(found)] == [None, "empty", "short"]
    lines = [json.loads(as_json(a)) for a in assessed(found)]
    assert [line["content_abstained"] for line in lines] == [None, "empty", "short"]
    assert [line["synthetic_score"] is None for line in lines] == [False, True, True]


def test_what_was_hidden_in_a_text_is_told_beside_a_flag_and_moves_no_risk() -> None:
    plain, hiding = outcome(robot("p")), outcome(robot("p", text=robot("p")["text"].replace("o", "o\u200b")))
    (clean,), (told,) = assessed(plain), assessed(hiding)
    assert clean.tampered_share == 0 < told.tampered_share
    assert json.loads(as_json(told))["tampered_share"] == round(told.tampered_share, 4)
    assert told.risk == clean.risk
    assert told.flagged
    assert told.reasons[:-1] == clean.reasons
    assert told.reasons[-1].sentence.startswith("Hidden in the text: ")
    assert "invisible characters" in told.reasons[-1].sentence


def test_pipeline_ignored_record_moves_the_position_and_has_no_other_effect() -> None:
    origin = Origin(LANE, 7, None, None, b"{}")
    found = new_pipeline(new_state()).process([Item(origin, Ignored())])
    assert found.effects.positions == {LANE: 8}
    assert found.effects.counters == {"ignored": 1}
    assert not found.effects.dead_letters
    assert new_pipeline(new_state()).process([Item(origin, Ignored(), silent=True)]).effects.counters == {}


def test_pipeline_deletion_without_account_is_passed_on_and_counted() -> None:
    state = new_state()
    event = {"type": "deletion", "post_id": "p", "at": "2026-01-01T00:00:00Z"}
    found = new_pipeline(state).process([item(0, event)])
    (deletion,) = found.effects.deletions
    assert (deletion.post_id, deletion.account_id) == ("p", None)
    assert found.effects.counters["deletions_without_account"] == 1


def test_pipeline_posts_that_cannot_be_judged_are_counted_by_what_they_lack() -> None:
    found = outcome({"post_id": "1", "text": "x"}, {"post_id": "2", "text": "x", "account_id": "a"}, robot("3"))
    counters = found.effects.counters
    assert (counters["posts"], counters["posts_without_metadata"]) == (3, 2)
    assert (counters["posts_without_account"], counters["posts_without_time"]) == (1, 2)


def test_pipeline_accounts_behind_one_private_address_have_no_network_features() -> None:
    posts = [robot(f"p{n}", account_id=f"a{n}", client={"ip": "10.0.0.1"}) for n in range(30)]
    found = outcome(*posts)
    network = [index for index, feature in enumerate(FEATURES) if feature.family == "network"]
    assert {assessment.features[index] for assessment in assessed(found) for index in network} == {None}
    assert found.effects.counters["invalid:client.ip:private"] == 30
