"""Uploaded files: hostile ones are refused at once, and nothing of them is kept."""

from __future__ import annotations

import io
import zipfile

import pytest
from support.web_desk import DATA, TEST_TABLE, WebDesk

from fedota_proto.errors import ConflictError, DataError, FolderError, ModelFileError
from fedota_server.webserver.permissions import Actor, Role
from fedota_server.webserver.settings import WebserverSettings


def outside(desk: WebDesk) -> bytes:
    file = desk.model_file()
    file.members = [("../../authorized_keys", b"ssh-ed25519 AAAA")]
    return file.write().read_bytes()


def bomb(desk: WebDesk) -> bytes:
    file = desk.model_file()
    file.compression = zipfile.ZIP_DEFLATED
    file.members = [("assets/vocabulary.txt", b"a" * 70_000_000)]
    return file.write().read_bytes()


def nested(desk: WebDesk) -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        packed.writestr("more.txt", "more")
    file = desk.model_file()
    file.members = [("assets/a/vocabulary.txt", inner.getvalue())]
    return file.write().read_bytes()


def truncated(desk: WebDesk) -> bytes:
    whole = desk.model_file().write().read_bytes()
    return whole[: len(whole) // 2]


def lying(desk: WebDesk) -> bytes:
    return b"<html>not a model</html>"


@pytest.mark.parametrize("hostile", [outside, bomb, nested, truncated, lying])
def test_a_hostile_archive_is_refused_and_the_model_before_it_stays(
    plain_desk: WebDesk, hostile: object
) -> None:
    desk, setter = plain_desk, plain_desk.person("Sara", Role.SETTER)
    draft = desk.finished(setter)
    before = desk.problems.draft(setter, draft)
    upload = desk.upload(hostile(desk))  # type: ignore[operator]
    files = sorted(desk.folder(draft).folder.iterdir())

    with pytest.raises(ModelFileError, match=r"^tumour\.keras: "):
        desk.problems.take_model(setter, draft, upload, "C:\\models\\tumour.keras")

    assert not upload.exists()
    assert sorted(desk.folder(draft).folder.iterdir()) == files
    assert desk.problems.draft(setter, draft) == before


def test_a_new_model_takes_the_place_of_the_one_before(desk: WebDesk, setter: Actor) -> None:
    draft = desk.finished(setter)
    assert desk.problems.draft(setter, draft).publishable
    file = desk.model_file()
    file.weights["layers/dense/vars/0"] = file.weights["layers/dense/vars/0"] + 1

    job = desk.problems.take_model(setter, draft, desk.upload(file.write().read_bytes()), "b.keras")

    shown = desk.problems.draft(setter, draft)
    assert shown.model is not None
    assert (shown.model.name, shown.model.state) == ("b.keras", "checking")
    assert [layer.type for layer in shown.model.layers] == ["InputLayer", "Dense", "Dense"]
    assert shown.model.parameters == 19
    assert shown.model_job is not None
    assert (shown.model_job.job_id, shown.model_job.state) == (job, "queued")
    assert shown.step("model").mistakes == ("The model is being checked.",)
    assert not shown.dry_run_passed
    assert (desk.folder(draft).folder / "model.keras").read_bytes() == file.path.read_bytes()


def test_only_the_newest_upload_is_inspected(desk: WebDesk, setter: Actor) -> None:
    draft = desk.filled(setter)
    first = desk.problems.take_model(setter, draft, desk.model(), "a.keras")

    desk.problems.take_model(setter, draft, desk.model(), "b.keras")

    assert desk.jobs.view(setter, first).state == "failed"


def test_names_and_sizes_are_judged(plain_desk: WebDesk) -> None:
    desk, setter = plain_desk, plain_desk.person("Sara", Role.SETTER)
    draft = desk.filled(setter)
    with pytest.raises(ModelFileError, match=r"does not end in \.keras"):
        desk.problems.take_model(setter, draft, desk.model(), "model.h5")
    with pytest.raises(FolderError, match="is not there"):
        desk.problems.take_model(setter, draft, desk.place / "missing", "m.keras")

    desk.problems._settings = WebserverSettings(home=desk.home.folder, model_max_bytes=1 << 20)
    with pytest.raises(FolderError, match=r"large\.keras has .*; at most 1.* are taken here"):
        desk.problems.take_model(setter, draft, desk.upload(b"x" * (1 << 20 | 1)), "large.keras")
    assert list((desk.home.folder / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TEST_TABLE.replace("bmi", "BMI"), "the column 'bmi' is missing"),
        (TEST_TABLE.replace("61", "161"), "row 2, column 'age': found '161', expected at most 120"),
        (TEST_TABLE.replace("31", "nan"), "row 3, column 'bmi': found 'nan', expected a number"),
        (TEST_TABLE.replace("II,", "IV,"), "expected one of I, II, III"),
        (TEST_TABLE.replace("61", "6.5"), "expected a whole number"),
        (TEST_TABLE.replace("61", ""), "expected a value"),
        (TEST_TABLE.replace("yes,II", "maybe,II"), "expected true or false"),
        (TEST_TABLE.replace(",no\n48", ",no,no\n48"), "row 2: found 6 cells"),
        (TEST_TABLE.splitlines()[0], "has no rows"),
        ("\xff\xfe".encode("latin1").decode("latin1"), "is missing"),
    ],
)
def test_a_test_file_must_keep_the_format(plain_desk: WebDesk, table: str, said: str) -> None:
    desk, setter = plain_desk, plain_desk.person("Sara", Role.SETTER)
    draft = desk.filled(setter)

    with pytest.raises(DataError, match=r"mine\.csv") as caught:
        desk.problems.take_test_file(setter, draft, desk.upload(table), "mine.csv")

    assert said in caught.value.public_message
    assert not desk.folder(draft).test_path.exists()
    assert desk.problems.draft(setter, draft).test_file == ""


def test_a_test_file_is_kept_replaced_and_removed(desk: WebDesk, setter: Actor) -> None:
    draft = desk.problems.create(setter, "Relapse")
    with pytest.raises(ConflictError, match="Describe the problem's data first"):
        desk.problems.take_test_file(setter, draft, desk.upload(TEST_TABLE), "a.csv")
    desk.problems.set_data(setter, draft, DATA)

    desk.problems.take_test_file(setter, draft, desk.upload(TEST_TABLE), "a.csv")
    assert desk.folder(draft).test_path.read_text() == TEST_TABLE
    longer = TEST_TABLE + "1,11,t,III,no\n"
    desk.problems.take_test_file(setter, draft, desk.upload(longer), "b.csv")
    assert desk.folder(draft).test_path.read_text() == longer
    assert desk.problems.draft(setter, draft).test_file == "b.csv"

    desk.problems.remove_test_file(setter, draft)
    assert desk.problems.draft(setter, draft).test_file == ""
    assert not desk.folder(draft).test_path.exists()


def zipped(*names: str, **held: str) -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        for name in names:
            packed.writestr(name, "what it holds")
        for name, text in held.items():
            packed.writestr(f"{name}.csv", text)
    return inner.getvalue()


IMAGES = {"kind": "images", "classes": ["cat", "dog"], "height": 8, "width": 8}
SIZE = {"name": "size", "type": "number", "maximum": 50}
LABELLED = {"kind": "images", "targets": [SIZE], "height": 8, "width": 8}
ARRAYS = {
    "kind": "arrays",
    "arrays": [
        {"name": "ecg", "shape": [10]},
        {"name": "rhythm", "dtype": "int32", "shape": [], "classes": 5, "target": True},
    ],
}


@pytest.mark.parametrize(
    ("data", "kept", "good", "bad", "said"),
    [
        (IMAGES, "test.zip", zipped("cat/1.png", "dog/2.png"), zipped("1.png"), "in no class's"),
        (
            LABELLED,
            "test.zip",
            zipped("scans/1.png", labels="size,file\n3,scans/1.png\n"),
            zipped("scans/1.png", labels="size,file\n51,scans/1.png\n"),
            r"labels\.csv, row 2, column 'size': found '51', expected at most 50",
        ),
        (
            LABELLED,
            "test.zip",
            zipped("1.png", labels="size,file\n3,1.png\n"),
            zipped("1.png", "cat/2.png"),
            "holds no file of labels",
        ),
        (
            ARRAYS,
            "test.npz",
            zipped("ecg.npy", "rhythm.npy"),
            zipped("ecg.npy"),
            "no array 'rhythm'",
        ),
    ],
)
def test_examples_of_another_kind_are_a_test_file_too(
    desk: WebDesk,
    setter: Actor,
    data: dict[str, object],
    kept: str,
    good: bytes,
    bad: bytes,
    said: str,
) -> None:
    draft = desk.filled(setter)
    desk.problems.take_test_file(setter, draft, desk.upload(TEST_TABLE), "a.csv")
    desk.problems.set_data(setter, draft, data)

    for wrong, told in ((bad, said), (b"no zip", "is no")):
        with pytest.raises(DataError, match=told):
            desk.problems.take_test_file(setter, draft, desk.upload(wrong), "mine")
    desk.problems.take_test_file(setter, draft, desk.upload(good), "mine")

    assert [path.name for path in desk.folder(draft).test_folder.iterdir()] == [kept]
    assert desk.folder(draft).test_path.read_bytes() == good
    desk.problems.remove_test_file(setter, draft)
    assert list(desk.folder(draft).test_folder.iterdir()) == []


def test_the_test_files_name_is_the_setters_alone(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    published = desk.published(setter)
    desk.problems.take_test_file(setter, published, desk.upload(TEST_TABLE), "patients-2026.csv")

    assert desk.problems.view(setter, published).test_file == "patients-2026.csv"
    assert desk.problems.view(holder, published).test_file == ""
    desk.set_status(published, "archived")
    with pytest.raises(ConflictError):
        desk.problems.remove_test_file(setter, published)
