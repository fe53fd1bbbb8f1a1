/* Starting a notebook, livelier: a search, what a registry says of another image, what is free now, which times a machine
   allows. The page works without it. */

const CHECK_AFTER_MS = 500;
const LOOK_EVERY_MS = 15_000;
const TIMEOUT_MS = 60_000;

/** @param {string} id */
const byId = (id) => document.getElementById(id);
const form = byId('spawn_form');
const api = form?.dataset.api;

if (form && api) {
  search(byId('search'));
  const machines = [...document.querySelectorAll('[data-machine]')];
  times(machines);
  check(byId('other_image'));
  look(machines);
  form.addEventListener('submit', () => {
    const button = form.querySelector('button[type=submit]');
    // Only after the form was sent off: a disabled button sends nothing.
    setTimeout(() => {
      button.disabled = true;
      button.textContent = 'Starting …';
    });
  });
  // The back button brings the page as it was left.
  window.addEventListener('pageshow', () => {
    const button = form.querySelector('button[type=submit]');
    button.disabled = false;
    button.textContent = 'Start';
  });
}

/** One request to the Hub; the token in the header says that it comes from this page. */
async function ask(path, options = {}) {
  const headers = { 'X-XSRFToken': form.dataset.xsrf, ...options.headers };
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  // Browsers before 2024 know no "any"; they wait for the Hub's own limit.
  const signal = options.signal ? (AbortSignal.any?.([options.signal, limit]) ?? options.signal) : limit;
  return fetch(api + path, { ...options, headers, signal });
}

/** Shows the cards that hold every word. */
function search(field) {
  const cards = [...document.querySelectorAll('[data-sought]')];
  field.closest('.search').hidden = cards.length < 2;
  field.addEventListener('input', () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const card of cards) {
      card.hidden = !words.every((word) => card.dataset.sought.includes(word));
      if (!card.hidden) count += 1;
    }
    byId('found').textContent = words.length === 0 ? '' : `${count} of ${cards.length}`;
  });
  field.addEventListener('keydown', (event) => {
    // Enter in a search starts nothing.
    if (event.key === 'Enter') event.preventDefault();
  });
}

/** Times that the chosen machine does not allow cannot be chosen. */
function times(machines) {
  const limit = (name, most) => {
    const select = byId(name);
    for (const option of select.options) {
      option.disabled = most > 0 && Number(option.value) > most;
    }
    if (select.selectedOptions[0]?.disabled) select.value = '';
  };
  const show = () => {
    const card = machines.find((one) => one.querySelector('input').checked);
    if (!card) return;
    limit('max_age_s', Number(card.dataset.age));
    limit('idle_timeout_s', Number(card.dataset.idle));
    byId('summary').textContent =
      `${card.querySelector('.title').textContent}, ${card.querySelector('.price').textContent}`;
  };
  for (const card of machines) card.querySelector('input').addEventListener('change', show);
  show();
}

/** Asks about another image as soon as its name is typed. */
function check(field) {
  const answer = byId('checked');
  let timer;
  let running = new AbortController();
  const say = (kind, ...lines) => {
    answer.replaceChildren(
      ...lines.filter(Boolean).map((line, i) => {
        const paragraph = document.createElement('p');
        paragraph.className = i === 0 ? kind : 'faint';
        paragraph.textContent = line;
        return paragraph;
      }),
    );
  };
  const run = async (image) => {
    running = new AbortController();
    const mine = running;
    say('faint', `Asking the registry about ${image} …`);
    try {
      const body = JSON.stringify({ image });
      const headers = { 'Content-Type': 'application/json' };
      const got = await ask('check', { method: 'POST', body, headers, signal: mine.signal });
      const said = await got.json();
      if (mine.signal.aborted) return;
      if (got.status === 403) say('bad', 'You are no longer logged in. Reload the page.');
      else if (!got.ok) say('bad', said.message);
      else
        say(said.status === 'ok' ? 'ok' : 'bad', said.message, said.advice, (said.facts ?? []).join(' · '));
    } catch {
      if (!mine.signal.aborted)
        say('bad', 'There was no answer. The image is checked again when you press Start.');
    }
  };
  const soon = () => {
    clearTimeout(timer);
    running.abort();
    say('');
    const image = field.value.trim();
    if (image === '') return;
    byId('image-other').checked = true;
    timer = setTimeout(() => run(image), CHECK_AFTER_MS);
  };
  field.addEventListener('input', soon);
  if (byId('image-other').checked) soon();
  byId('image-other').addEventListener('change', () => field.focus());
}

/** Looks now and then what is free, while somebody sees the page. */
function look(machines) {
  const cards = new Map(machines.map((card) => [card.dataset.machine, card]));
  const show = ({ machine, free, refusal }) => {
    const card = cards.get(machine);
    if (!card) return;
    card.querySelector('.free').textContent = free;
    const note = card.querySelector('.refusal');
    note.textContent = refusal;
    note.hidden = refusal === '';
    const radio = card.querySelector('input');
    // What is chosen stays chosen: the sentence says why it would be refused now.
    radio.disabled = refusal !== '' && !radio.checked;
  };
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const got = await ask('offer');
      if (got.ok) for (const one of (await got.json()).machines) show(one);
    } catch {
      // The next look may have an answer.
    }
  }, LOOK_EVERY_MS);
}
