"""The form for a new problem."""

from __future__ import annotations

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest
from support.page_text import field, has_button, press, rows_of, text_of, unescaped
from support.web import Web
from support.web_problems import DESCRIPTION, NASTY, WebProblems

from fedota_proto.strategy_table import strategy_table
from fedota_server.webserver.account import Account
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.problems.publishing import content_of
from fedota_server.webserver.tables import JobRow, ProblemRow
from fedota_server.webserver.views import DraftView


@pytest.fixture
def problems(web: Web) -> WebProblems:
    return WebProblems(web)


@pytest.fixture
def sara(web: Web) -> Account:
    found = web.person("Sara", {Role.SETTER})
    web.show_to(found.email)
    return found


def _draft(web: Web, someone: Account, pid: str) -> DraftView:
    return web.platform.problems.draft(someone.actor, pid)


def _step(web: Web, pid: str, name: str) -> AppTest:
    page = web.page("new_problem", id=pid, step=name)
    assert not page.exception
    return page


def test_a_draft_is_begun_and_leads_to_its_first_open_step(web: Web, sara: Account) -> None:
    page = web.page("new_problem")
    field(page, "What is to be learnt?").set_value(NASTY)
    page = press(page, "Begin")
    assert not page.error
    (card,) = web.platform.problems.own(sara.actor).items
    assert card.title == NASTY
    assert unescaped(page.title[0].value) == NASTY
    assert "A compiled Keras model" in text_of(page)


def test_drafts_can_be_taken_up_again(web: Web, problems: WebProblems, sara: Account) -> None:
    problems.draft(sara.actor, "Half written", whole=False)
    problems.publish(sara.actor, "Published")
    text = text_of(web.page("new_problem"))
    assert "Your drafts" in text
    assert "Half written" in text
    assert "Published" not in text


def test_somebody_elses_draft_is_not_there(web: Web, problems: WebProblems, sara: Account) -> None:
    pid = problems.draft(sara.actor)
    web.show_to(web.person("Other", {Role.SETTER}).email)
    page = web.page("new_problem", id=pid)
    assert "There is no such problem" in unescaped(page.error[0].value)
    assert not page.title


def test_each_step_is_marked_and_the_address_keeps_the_chosen_one(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.draft(sara.actor, whole=False)
    page = _step(web, pid, "strategy")
    (steps,) = page.segmented_control
    assert steps.value == "strategy"
    icons = {one.content: one.content_icon for one in steps.proto.options}
    assert icons["About"] == ":material/check_circle:"
    assert icons["Model"] == ":material/radio_button_unchecked:"
    steps.set_value("rounds").run()
    assert page.query_params["step"] in ("rounds", ["rounds"])


def test_about_is_saved_and_leads_on(web: Web, problems: WebProblems, sara: Account) -> None:
    pid = problems.draft(sara.actor, whole=False)
    page = _step(web, pid, "about")
    field(page, "Description").set_value(DESCRIPTION)
    page = press(page, "Save and go on")
    assert _draft(web, sara, pid).description == DESCRIPTION
    assert page.segmented_control[0].value == "model"


def test_the_preview_of_a_description_is_harmless(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    page = _step(web, problems.draft(sara.actor), "about")
    html = "\n".join(element.proto.body for element in page.get("html"))
    assert "&lt;script&gt;" in html
    assert "<img" not in html


def test_the_model_is_shown_with_its_layers(web: Web, problems: WebProblems, sara: Account) -> None:
    page = _step(web, problems.draft(sara.actor), "model")
    assert "The model is fine" in text_of(page)
    assert [row[3] for row in rows_of(page, "layer")] == ["9", "4"]


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        ({"state": "refused", "refusal": "layer x is a Lambda: leave it out"}, "layer x is"),
        ({"state": "checking"}, "waits"),
    ],
)
def test_a_refused_model_is_told_in_place_and_a_check_is_followed(
    web: Web, problems: WebProblems, sara: Account, summary: dict[str, str], words: str
) -> None:
    pid = problems.draft(sara.actor)
    problems.change(pid, model_summary=summary)
    if summary["state"] == "checking":
        problems.job(pid, "inspect", "queued", "")
    page = _step(web, pid, "model")
    shown = unescaped(text_of(page)) + "".join(one.label for one in page.status)
    assert words in shown
    assert "The model is fine" not in shown


def test_columns_are_typed_in(web: Web, problems: WebProblems, sara: Account) -> None:
    pid = problems.draft(sara.actor)
    page = _step(web, pid, "data")
    (editor,) = page.data_editor
    assert list(editor.value["name"]) == ["age", "stage", "relapse"]
    field(page, "Minimum examples").set_value(50)
    page.button(key="save_columns").click().run()
    assert not page.error
    data = _draft(web, sara, pid).data
    assert data["minimum_examples"] == 50
    assert data["columns"][0]["maximum"] == 120


def test_pictures_texts_and_arrays_are_typed_in_too(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.draft(sara.actor)
    page = _step(web, pid, "data")
    page = field(page, "What each holder's data are").set_value("images").run()
    assert len(page.data_editor) == 0
    field(page, "Classes, one a line").set_value("benign\n\n malignant ")
    field(page, "Height in pixels").set_value(32)
    field(page, "Channels").set_value(1)
    field(page, "Pictures of other sizes are made to fit").set_value(True)
    page = page.button(key="save_images").click().run()
    assert not page.error
    assert _draft(web, sara, pid).data == {
        "kind": "images",
        "minimum_examples": 12,
        "classes": ["benign", "malignant"],
        "height": 32,
        "width": 64,
        "channels": 1,
        "resize": True,
    }
    page = _step(web, pid, "data")
    assert field(page, "Classes, one a line").value == "benign\nmalignant"
    page = field(page, "What each holder's data are").set_value("text").run()
    field(page, "Classes, one a line").set_value("ham")
    page = page.button(key="save_text").click().run()
    assert "must list two classes or more" in unescaped(page.error[0].value)
    field(page, "Classes, one a line").set_value("ham\nspam")
    page = page.button(key="save_text").click().run()
    assert _draft(web, sara, pid).data["kind"] == "text"
    arrays = [
        {"name": "ecg", "shape": [1000, 12], "unit": "mV", "minimum": -10, "maximum": 10},
        {"name": "rhythm", "dtype": "int32", "classes": 5, "shape": [], "target": True},
    ]
    problems.change(pid, draft={"data": {"kind": "arrays", "arrays": arrays}})
    page = _step(web, pid, "data")
    (editor,) = page.data_editor
    assert list(editor.value["shape"]) == ["1000, 12", ""]
    page = page.button(key="save_arrays").click().run()
    assert not page.error
    kept = _draft(web, sara, pid).data["arrays"]
    assert kept == [{"dtype": "float32", **arrays[0]}, arrays[1]]


def test_targets_of_labelled_pictures_are_typed_in(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.draft(sara.actor)
    page = _step(web, pid, "data")
    page = field(page, "What each holder's data are").set_value("images").run()
    page = field(page, "What is predicted of a picture").set_value("targets").run()
    assert "Classes, one a line" not in [one.label for one in page.text_area]
    assert "labels.csv or labels.parquet" in unescaped(text_of(page))
    page = page.button(key="save_images").click().run()
    assert "[[data.targets]]" in unescaped(page.error[0].value)
    targets = [
        {"name": "stage", "type": "category", "allowed": ["I", "II"]},
        {"name": "diameter", "type": "number", "unit": "mm", "minimum": 0, "maximum": 50},
    ]
    data = {"kind": "images", "height": 32, "width": 32, "channels": 1, "targets": targets}
    problems.change(pid, draft={"data": data})
    page = _step(web, pid, "data")
    assert field(page, "What is predicted of a picture").value == "targets"
    (editor,) = page.data_editor
    assert list(editor.value["name"]) == ["stage", "diameter"]
    field(page, "Height in pixels").set_value(48)
    page = page.button(key="save_images").click().run()
    assert not page.error
    kept = _draft(web, sara, pid).data
    assert kept == {**data, "height": 48, "minimum_examples": 10, "resize": False}
    page = _step(web, pid, "data")
    page = field(page, "What is predicted of a picture").set_value("classes").run()
    field(page, "Classes, one a line").set_value("benign\nmalignant")
    page = page.button(key="save_images").click().run()
    assert not page.error
    assert _draft(web, sara, pid).data["classes"] == ["benign", "malignant"]
    assert "targets" not in _draft(web, sara, pid).data


def test_pasted_data_is_taken_or_its_mistakes_are_told(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.draft(sara.actor)
    page = _step(web, pid, "data")
    field(page, "The [data] part").set_value('[data]\nkind = "images"\nclasses = ["a"]\n')
    page = page.button(key="save_data_toml").click().run()
    said = unescaped(page.error[0].value)
    assert "must list two classes or more" in said
    assert "height" in said
    field(page, "The [data] part").set_value(
        '[data]\nkind = "images"\nclasses = ["a", "b"]\nheight = 8\nwidth = 8\n'
    )
    page = page.button(key="save_data_toml").click().run()
    assert not page.error
    assert _draft(web, sara, pid).data["kind"] == "images"


@pytest.mark.parametrize("name", list(strategy_table()))
def test_every_strategy_is_explained_with_its_parameters(
    web: Web, problems: WebProblems, sara: Account, name: str
) -> None:
    pid = problems.draft(sara.actor)
    problems.change(pid, draft={"strategy": {"name": name}})
    page = _step(web, pid, "strategy")
    text = unescaped(text_of(page))
    spec = strategy_table()[name]
    assert spec.summary in text
    assert spec.seen_by in text
    assert {one.label for one in page.number_input} == set(spec.parameters)
    for parameter in spec.parameters.values():
        assert parameter.explanation in text


def test_a_strategy_is_saved_and_its_bounds_are_kept(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.draft(sara.actor)
    page = _step(web, pid, "strategy")
    field(page, "Strategy").set_value("FedAdam").run()
    field(page, "beta_1").set_value(1.0)
    page = press(page, "Save and go on")
    assert "beta_1" in unescaped(page.error[0].value)
    assert _draft(web, sara, pid).strategy == {"name": "FedAvg"}
    field(page, "beta_1").set_value(0.5)
    page = press(page, "Save and go on")
    assert _draft(web, sara, pid).strategy["beta_1"] == 0.5
    assert page.segmented_control[0].value == "rounds"


def test_rules_are_saved_with_training_and_noise(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.draft(sara.actor)
    page = _step(web, pid, "rounds")
    field(page, "Rounds").set_value(7)
    field(page, "Local epochs").set_value(3)
    page.checkbox[0].check()
    page = press(page, "Save and go on")
    assert not page.error
    draft = _draft(web, sara, pid)
    assert draft.rounds["rounds"] == 7
    assert draft.training["local_epochs"] == 3
    assert draft.privacy["clipping_norm"] == 1.0
    assert draft.complete


def test_rules_that_do_not_fit_each_other_are_told_beside_the_step(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.draft(sara.actor)
    page = _step(web, pid, "rounds")
    field(page, "Goal count").set_value(2)
    page = press(page, "Save and go on")
    assert "below minimum_reports" in unescaped(page.error[0].value)
    assert _draft(web, sara, pid).rounds["goal_count"] == 5


def test_who_may_join_is_saved(web: Web, problems: WebProblems, sara: Account) -> None:
    pid = problems.draft(sara.actor)
    page = _step(web, pid, "who")
    field(page, "Who may join").set_value("anyone")
    field(page, "Selectors").set_value(3)
    page = press(page, "Save and go on")
    draft = _draft(web, sara, pid)
    assert (draft.admission, draft.selectors) == ("anyone", 3)
    assert page.segmented_control[0].value == "review"


def test_what_is_missing_is_told_and_nothing_can_be_published(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    page = _step(web, problems.draft(sara.actor, whole=False), "review")
    text = unescaped(text_of(page))
    assert "Model: Upload the model" in text
    assert "Data: Say what data a holder must have" in text
    assert not has_button(page, "Run dry")
    assert not has_button(page, "Publish")


def test_a_dry_run_is_asked_for_and_followed(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.draft(sara.actor)
    page = _step(web, pid, "review")
    (publish,) = [one for one in page.button if one.label == "Publish"]
    assert publish.disabled
    page = press(page, "Run dry")
    with web.platform.database.session() as session:
        (job,) = session.exec(select(JobRow)).all()
    assert (job.kind, job.state) == ("dry run", "queued")
    assert [one.label for one in page.status] == ["Dry run: waits"]


def test_a_failed_dry_run_is_told_in_place_with_what_was_done(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.draft(sara.actor)
    problems.job(pid, "dry run", "failed", "the loss is <NaN>", "3 clients trained on fake data")
    page = _step(web, pid, "review")
    (status,) = page.status
    assert status.label == "Dry run: failed after 8 s"
    assert status.state == "error"
    text = unescaped(text_of(page))
    assert "3 clients trained on fake data" in text
    assert "the loss is <NaN>" in text
    assert has_button(page, "Run it again")


def test_after_a_dry_run_of_this_content_it_is_published(
    web: Web,
    problems: WebProblems,
    sara: Account,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pid = problems.draft(sara.actor)
    problems.job(pid, "dry run", "done", "accuracy 0.5 on fake data", "all is well")
    published: list[str] = []

    def publish(_: object, problem_id: str) -> None:
        published.append(problem_id)
        problems.change(problem_id, status="ready")

    monkeypatch.setattr(web.platform.problems, "publish", publish)
    page = _step(web, pid, "review")
    assert "Something was changed since the last dry run" in text_of(page)
    problems.change(pid, dry_run_of=_content_hash(web, pid))
    page = press(_step(web, pid, "review"), "Publish")
    assert asked == ["Publish this problem?"]
    assert published == [pid]


def _content_hash(web: Web, pid: str) -> str:
    with web.platform.database.session() as session:
        row = session.get(ProblemRow, pid)
        assert row is not None
        return content_of(session, row).sha256


def test_what_was_published_is_no_form_any_more(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    page = web.page("new_problem", id=problems.publish(sara.actor))
    assert "what data holders agreed to stays as it is" in text_of(page)
    assert not page.segmented_control


def test_a_draft_is_thrown_away_after_a_question(
    web: Web, problems: WebProblems, sara: Account, asked: list[str]
) -> None:
    pid = problems.draft(sara.actor)
    page = press(web.page("new_problem", id=pid), "Throw away")
    assert asked == ["Throw this draft away?"]
    assert not page.exception
    assert web.platform.problems.own(sara.actor).total == 0
