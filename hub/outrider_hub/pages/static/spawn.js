/* Enhances the spawn page: image search, registry checks, live availability and the machine's time limits. The page works
   without it. */

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
    // Disable only after the submit: a disabled button would cancel it.
    setTimeout(() => {
      button.disabled = true;
      button.textContent = 'Starting …';
    });
  });
  // The back button restores the page with the button still disabled.
  window.addEventListener('pageshow', () => {
    const button = form.querySelector('button[type=submit]');
    button.disabled = false;
    button.textContent = 'Start';
  });
}

/** Sends a request to the Hub with the anti-forgery token. */
async function ask(path, options = {}) {
  const headers = { 'X-XSRFToken': form.dataset.xsrf, ...options.headers };
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  // Browsers before 2024 lack AbortSignal.any; they rely on the Hub's own timeout.
  const signal = options.signal ? (AbortSignal.any?.([options.signal, limit]) ?? options.signal) : limit;
  return fetch(api + path, { ...options, headers, signal });
}

/** Shows the cards that contain every search word. */
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
    // Enter in the search box must not submit the form.
    if (event.key === 'Enter') event.preventDefault();
  });
}

/** Disables the times that the selected machine type does not allow. */
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

/** Checks a custom image while its reference is typed. */
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
    say('faint', `Checking ${image} …`);
    try {
      const body = JSON.stringify({ image });
      const headers = { 'Content-Type': 'application/json' };
      const got = await ask('check', { method: 'POST', body, headers, signal: mine.signal });
      const said = await got.json();
      if (mine.signal.aborted) return;
      if (got.status === 403) say('bad', 'Your session has expired. Reload the page.');
      else if (!got.ok) say('bad', said.message);
      else
        say(said.status === 'ok' ? 'ok' : 'bad', said.message, said.advice, (said.facts ?? []).join(' · '));
    } catch {
      if (!mine.signal.aborted)
        say('bad', 'The check timed out. The image is checked again when you press Start.');
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

/** Refreshes availability while the page is visible. */
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
    // Keep the current selection: the note explains why it would be refused.
    radio.disabled = refusal !== '' && !radio.checked;
  };
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const got = await ask('offer');
      if (got.ok) for (const one of (await got.json()).machines) show(one);
    } catch {
      // Try again at the next interval.
    }
  }, LOOK_EVERY_MS);
}
