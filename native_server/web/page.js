const element = (id) => document.getElementById(id);
const STEPS = ["decode", "resize", "normalize", "queue", "inference", "postprocess", "total"];
let previewAddress = "";

function say(text, isError = false) {
  element("status").textContent = text;
  element("status").classList.toggle("error", isError);
}

function fillTable(id, rows) {
  element(id).replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("tr");
    const nameCell = row.insertCell();
    const valueCell = row.insertCell();
    nameCell.textContent = name;
    valueCell.textContent = value;
    valueCell.className = "number";
    return row;
  }));
}

function show(file, answer) {
  URL.revokeObjectURL(previewAddress);
  previewAddress = URL.createObjectURL(file);
  element("preview").src = previewAddress;
  fillTable("predictions", answer.predictions.map((p) => [p.label, (p.probability * 100).toFixed(2)]));
  fillTable("timings", STEPS.map((step) => [step, answer.timings_ms[step].toFixed(2)]));
  element("tensor").textContent = answer.tensor.sha256;
  element("contract").textContent = answer.contract_hash;
  element("request").textContent = answer.request_id;
  element("result").hidden = false;
}

async function explain(response) {
  const problem = await response.json().catch(() => ({}));
  return problem.detail ?? `The server answered ${response.status} without saying why.`;
}

async function classify(file) {
  say("Sending…");
  element("result").hidden = true;
  let response;
  try {
    const headers = { "Content-Type": file.type || "application/octet-stream" };
    response = await fetch("/api/classify", { method: "POST", body: file, headers });
  } catch {
    return say("The server does not answer. Is it still running?", true);
  }
  if (!response.ok) return say(await explain(response), true);
  const answer = await response.json();
  show(file, answer);
  say(`${answer.predictions[0].label}, ${(answer.predictions[0].probability * 100).toFixed(1)} %`);
}

async function describeModel() {
  const response = await fetch("/api/contract").catch(() => null);
  if (response === null) return;
  if (!response.ok) return say(await explain(response), true);
  const contract = await response.json();
  element("model").textContent = `Model: ${contract.name} ${contract.version}. ${contract.description}`;
}

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    await classify(element("file").files[0]);
  } finally {
    button.disabled = false;
  }
});

describeModel();
