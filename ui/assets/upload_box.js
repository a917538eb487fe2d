// Sends a file to an upload route as it is read from disk, and tells the script its answer.
const LANGUAGE = "en";

function sizeWords(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toLocaleString(LANGUAGE, { maximumFractionDigits: digits })} ${units[unit]}`;
}

function messageOf(request) {
  try {
    const answer = JSON.parse(request.responseText);
    return [answer.message, ...(answer.mistakes || [])].filter(Boolean).join(" ");
  } catch {
    return "";
  }
}

export default function uploadBox({ data, parentElement, setTriggerValue }) {
  const find = (query) => parentElement.querySelector(query);
  const box = find(".box");
  const choose = find(".choose");
  const cancel = find(".cancel");
  const input = find("input");
  const bar = find("progress");
  const hint = find(".hint");
  const failed = find(".failed");
  find(".label").textContent = data.label;
  input.accept = data.accept;
  if (!box.dataset.busy && !hint.textContent) hint.textContent = data.hint;

  function show(busy) {
    box.dataset.busy = busy ? "yes" : "";
    bar.hidden = cancel.hidden = !busy;
    choose.hidden = busy;
  }

  function fail(text) {
    show(false);
    hint.textContent = data.hint;
    failed.textContent = text;
    failed.hidden = false;
  }

  function send(file) {
    if (file.size > data.most_bytes) {
      fail(`${file.name} has ${sizeWords(file.size)}: at most ${sizeWords(data.most_bytes)} are taken.`);
      return;
    }
    failed.hidden = true;
    show(true);
    bar.value = 0;
    const request = new XMLHttpRequest();
    request.open("PUT", data.to);
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.upload.onprogress = (event) => {
      bar.value = event.total ? event.loaded / event.total : 0;
      hint.textContent = event.loaded < event.total
        ? `${file.name}: ${sizeWords(event.loaded)} of ${sizeWords(event.total)}`
        : `${file.name} has arrived and is being looked at`;
    };
    request.onload = () => {
      if (request.status === 200) {
        show(false);
        hint.textContent = `${file.name} is uploaded.`;
        setTriggerValue("answer", { ...JSON.parse(request.responseText), name: file.name });
      } else {
        fail(messageOf(request) || "The upload was refused: reload the page and try again.");
      }
    };
    request.onerror = () => fail("The connection was lost: upload the file again.");
    request.onabort = () => {
      show(false);
      hint.textContent = data.hint;
    };
    cancel.onclick = () => request.abort();
    request.send(file);
  }

  choose.onclick = () => input.click();
  input.onchange = () => {
    if (input.files.length) send(input.files[0]);
    input.value = "";
  };
  box.ondragover = (event) => {
    event.preventDefault();
    box.classList.add("over");
  };
  box.ondragleave = () => box.classList.remove("over");
  box.ondrop = (event) => {
    event.preventDefault();
    box.classList.remove("over");
    if (!box.dataset.busy && event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  };
}
