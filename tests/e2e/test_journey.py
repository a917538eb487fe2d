"""From an empty machine to a trained model, as people see it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from support.journey.client_process import ClientProcess
from support.journey.site_process import SiteProcess
from support.journey.visitor import PASSWORD, PHONE, Visitor
from support.programs import environment

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast-cancer"
TITLE = "Breast tumours <b>benign</b> or malignant"
SETTER, NORTH, SOUTH = "setter@example.org", "north@example.org", "south@example.org"

pytestmark = pytest.mark.timeout(400)


@dataclass
class Story:
    """What the parts of the journey share."""

    site: SiteProcess
    browser: Browser
    place: Path
    pictures: Path

    def visitor(self) -> Visitor:
        return Visitor(self.browser, self.site.url)


@pytest.fixture
def story(browser: Browser, tmp_path: Path, pictures: Path) -> Iterator[Story]:
    site = SiteProcess(tmp_path / "platform", FEDOTA_REGISTRATION="open", FEDOTA_KEEP_SERVERS="0")
    site.start()
    try:
        yield Story(site, browser, tmp_path, pictures)
    finally:
        code = site.stop()
        print(site.log.read_text())  # noqa: T201 - pytest shows it where the test has failed
    assert code == 0


def set_up(story: Story) -> None:
    """The first administrator, with the code from the terminal."""
    admin = story.visitor()
    admin.open("/")
    assert admin.page.url.endswith("/setup")
    for name, value in (
        ("code", "WRONG-CODE"),
        ("name", "Ada"),
        ("email", "ada@example.org"),
        ("password", PASSWORD),
    ):
        admin.page.fill(f"input[name={name}]", value)
    admin.page.click("button[type=submit]")
    admin.sees(re.compile("code", re.IGNORECASE))
    assert admin.page.url.endswith("/setup")
    admin.page.fill("input[name=code]", story.site.setup_code)
    admin.page.fill("input[name=password]", PASSWORD)
    admin.page.click("button[type=submit]")
    admin.sees("Hello, Ada")
    cookie = admin.cookie_of_session()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    admin.close()


def write_problem(story: Story, setter: Visitor) -> str:
    """The form: a wrong model, then a right one; a sample; a dry run; publishing."""
    setter.open("/new")
    setter.fill("What is to be learnt?", TITLE)
    setter.press("Begin")
    setter.sees("A compiled Keras model, saved as a .keras file.")
    setter.choose_step("About")
    setter.fill("Description", "From **30 measurements**. <script>alert(1)</script>")
    setter.press("Save and go on")
    setter.sees("Upload the model (.keras)")
    problem_id: str = setter.problem_id()

    wrong = story.place / "wrong.keras"
    with zipfile.ZipFile(wrong, "w") as archive:
        archive.writestr("../outside.txt", "out")
    setter.upload(wrong)
    setter.sees(re.compile(r"outside|not a \.keras|refused", re.IGNORECASE))
    setter.upload(EXAMPLE / "model.keras")
    setter.sees("The model is fine.", within_s=90)
    setter.picture(story.pictures, "new-problem-model")
    setter.press("Go on")

    setter.sees("Propose the columns from a sample file")
    setter.upload(EXAMPLE / "data" / "hospital-north" / "tumours.csv")
    setter.sees(re.compile("31 columns of at most"))
    setter.picture(story.pictures, "new-problem-data")
    # What is possible at every holder is wider than one sample: the setter pastes the real ranges.
    text = (EXAMPLE / "problem.toml").read_text()
    setter.sees(re.compile("A problem.toml that you have")).click()
    setter.fill("The [data] part", text[text.index("[data]") :])
    setter.page.get_by_role("button", name="Save and go on").first.click()

    setter.sees("How the updates of a round become the next model.")
    setter.press("Save and go on")
    setter.sees("Who takes part in a round")
    for label, value in (
        ("Rounds", "300"),
        ("Goal count", "2"),
        ("Minimum reports", "2"),
        ("Over-selection", "1.0"),
    ):
        setter.fill(label, value)
    setter.press("Save and go on")
    setter.sees("Data holders whom I approve")
    setter.press("Save and go on")

    # The form can be left and taken up again.
    setter.open("/")
    setter.open(f"/new?id={problem_id}")
    setter.choose_step("Review")
    setter.press("Run dry")
    publish = setter.page.get_by_role("button", name="Publish", exact=True)
    expect(publish).to_be_enabled(timeout=120_000)
    setter.picture(story.pictures, "new-problem-review")
    publish.click()
    setter.page.get_by_role("dialog").get_by_role("button", name="Publish").click()
    setter.sees(re.compile("Published"))
    expect(setter.page).to_have_url(re.compile(rf"/problem\?.*id={problem_id}"))
    return problem_id


def ask_to_join(story: Story, name: str, email: str, problem_id: str) -> Visitor:
    """A data holder finds the problem and asks to take part."""
    holder = story.visitor()
    holder.register(name, email)
    holder.open("/catalogue")
    holder.sees(TITLE)
    assert "alert(1)" not in holder.page.content() or "<script>alert" not in holder.page.content()
    holder.open(f"/join?id={problem_id}")
    holder.sees("The data that is needed")
    holder.press("Ask to join")
    holder.sees(re.compile("waits for the setter"))
    return holder


def run_client(story: Story, holder: Visitor, name: str, problem_id: str) -> ClientProcess:
    """An approved holder enrols a client, fetches its invite and runs the shown command."""
    holder.open(f"/join?id={problem_id}")
    holder.fill("Name a client", name)
    holder.press("Make an invite")
    holder.sees("Run a client")
    place = story.place / name
    place.mkdir()
    link = holder.page.get_by_role("link", name=re.compile(r"Download .*\.invite"))
    file = (link.text_content() or "").removeprefix("Download ").strip()
    with holder.downloading(place / file):
        link.click()
    command = shown_command(holder, "fedota-client join")
    assert file in command
    assert (place / file).read_text().strip() not in holder.text()
    return ClientProcess(command, place, EXAMPLE / "data" / name)


def shown_command(holder: Visitor, beginning: str) -> str:
    """Return the command that begins so; the first visitor waits until the wheel is packed."""
    code = holder.page.locator("[data-testid=stCode] code").filter(has_text=beginning)
    expect(code).to_have_count(1, timeout=60_000)
    expect(code).to_be_visible()
    return code.inner_text().strip()


def check_client_files(holder: Visitor) -> None:
    """The wheel that the shown command names is there, and is what its digest says."""
    words = shlex.split(shown_command(holder, "pip install"))
    wheel, _, digest = words[2].partition(" @ ")[2].partition("#sha256=")
    assert sha256(httpx.get(wheel).raise_for_status().content).hexdigest() == digest
    constraints = httpx.get(words[words.index("-c") + 1]).raise_for_status().text
    assert re.search(r"^flwr==", constraints, re.MULTILINE)


def newest_round(visitor: Visitor) -> int:
    """Return the round of which the page's clock tells."""
    expect(visitor.page.locator(".fedota-clock")).to_have_text(re.compile(r"Round \d+ of 300"))
    return int(re.findall(r"Round (\d+) of 300", visitor.text())[0])


def watch(visitor: Visitor, server_round: int, *, within_s: float = 90.0) -> None:
    """Wait, without touching the page, until it shows a round of at least that number."""
    visitor.page.wait_for_function(
        "least => { const m = document.body.innerText.match(/Round (\\d+) of 300/);"
        " return m && Number(m[1]) >= least; }",
        arg=server_round,
        timeout=within_s * 1000,
    )


def accuracy_in_plain_keras(model: Path) -> float:
    """Evaluate a model in a process that has never heard of Fedota."""
    test = str(EXAMPLE / "data" / "test.csv")
    done = subprocess.run(
        [sys.executable, "-m", "support.plain_keras", test, "diagnosis", "M", str(model)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    accuracy: float = json.loads(done.stdout)[model.name]["accuracy"]
    return accuracy


def test_the_whole_journey(story: Story) -> None:
    """Set up, publish, join, train, steer, download, leave; then look at it all on a phone."""
    set_up(story)
    setter = story.visitor()
    setter.register("Sara Setter", SETTER)
    problem_id = write_problem(story, setter)

    north = ask_to_join(story, "North Hospital", NORTH, problem_id)
    south = ask_to_join(story, "South Hospital", SOUTH, problem_id)
    north.picture(story.pictures, "join")
    setter.open(f"/problem?id={problem_id}")
    setter.choose_tab("Members")
    for _ in range(2):
        setter.press("Approve")
        setter.sees(re.compile("takes part now"))
        setter.settle()
    setter.press("Start")

    clients = [run_client(story, north, "hospital-north", problem_id)]
    try:
        check_client_files(north)
        north.picture(story.pictures, "join-commands")
        clients.append(run_client(story, south, "hospital-south", problem_id))
        train(story, setter, problem_id)
        north.open(f"/join?id={problem_id}")
        north.sees(re.compile("updates? counted"))
        north.picture(story.pictures, "my-part")
        stop(setter)
        for client in clients:
            assert client.wait(60) == 0, client.said()
    finally:
        for client in clients:
            client.stop()
    for visitor in (setter, north, south):
        assert not visitor.complaints
    look_on_a_phone(story, problem_id)
    sign_out_everywhere(story, setter)


def train(story: Story, setter: Visitor, problem_id: str) -> None:
    """Three rounds on the page; pause, resume, download, roll back."""
    setter.open(f"/problem?id={problem_id}&tab=Progress")
    watch(setter, 4, within_s=150)
    setter.sees("Loss")
    expect(setter.page.locator("canvas, [data-testid=stVegaLiteChart]").first).to_be_visible()
    setter.picture(story.pictures, "problem", whole=True)
    setter.press("Pause")
    setter.sees(re.compile("^Paused after|it goes on when the setter resumes it"))
    setter.choose_tab("Model")
    model = story.place / "downloaded.keras"
    with setter.downloading(model):
        setter.press("Download .keras")
    assert accuracy_in_plain_keras(model) > 0.5
    setter.press("Resume")
    setter.choose_tab("Progress")
    paused_at = newest_round(setter)
    watch(setter, paused_at + 2)
    setter.press("Pause")
    setter.sees(re.compile("^Paused after|it goes on when the setter resumes it"))
    setter.press("Roll back")
    dialog = setter.page.get_by_role("dialog")
    rolled = dialog.get_by_role("button", name=re.compile("Roll back to round"))
    to_round = int(re.findall(r"\d+", rolled.inner_text())[0])
    rolled.click()
    setter.sees(re.compile(f"Rolling back to round {to_round}"))
    setter.choose_tab("Rounds")
    setter.sees(re.compile("superseded"), within_s=60)
    setter.picture(story.pictures, "rounds")
    setter.choose_tab("Changes")
    setter.sees(re.compile("Sara Setter"))


def stop(setter: Visitor) -> None:
    """Stop for good, after a question."""
    setter.press("Stop")
    setter.page.get_by_role("dialog").get_by_role("button", name="Stop for good").click()
    setter.sees(re.compile("^Completed with"), within_s=60)


def look_on_a_phone(story: Story, problem_id: str) -> None:
    """Every main page fits a phone's width, an administrator's and a data holder's."""
    for_all = (
        ("/", "home"),
        ("/catalogue", "catalogue"),
        (f"/problem?id={problem_id}", "problem"),
        (f"/join?id={problem_id}", "join"),
        ("/my-data", "my-data"),
    )
    for_admins = (
        ("/new", "new-problem"),
        ("/account", "account"),
        ("/users", "users"),
        ("/problems", "problems"),
        ("/servers", "servers"),
        ("/audit", "audit"),
        ("/health", "health"),
        ("/settings", "settings"),
    )
    for email, who, places in (
        ("ada@example.org", "", (*for_all, *for_admins)),
        (NORTH, "holder-", for_all),
    ):
        phone = Visitor(story.browser, story.site.url, PHONE)
        phone.sign_in(email)
        for path, name in places:
            phone.open(path)
            phone.picture(story.pictures, f"phone-{who}{name}")
            assert phone.fits_width(), f"{path} is wider than a phone"
        assert not phone.complaints
        phone.close()


def sign_out_everywhere(story: Story, setter: Visitor) -> None:
    """A reload keeps one signed in; signing out everywhere ends other browsers too."""
    elsewhere = story.visitor()
    elsewhere.sign_in(SETTER)
    elsewhere.sees("Hello, Sara Setter")
    elsewhere.page.reload()
    elsewhere.sees("Hello, Sara Setter")
    setter.open("/account")
    setter.choose_tab("Signed-in browsers")
    setter.press("Sign out everywhere")
    dialog = setter.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Sign out everywhere").click()
    setter.sees(re.compile("signed out|Sign in"))
    elsewhere.page.goto(story.site.url + "/account")
    elsewhere.sees(re.compile("signed out|Sign in"))
    assert SETTER not in elsewhere.text()
