// The picture, the aperture and the views. Gradio gives: element, props, trigger, watch.
const F_NUMBERS = [16, 14, 13, 11, 10, 9, 8, 7.1, 6.3, 5.6, 5, 4.5, 4, 3.5, 3.2, 2.8, 2.5, 2.2, 2, 1.8, 1.6, 1.4, 1.2, 1.1, 1];
const SETTLE_MS = 500, FIRST_MS = 1500, HOLD_MS = 350, STEP = 0.02;
const KEYS = {
  photo: '',
  focus: 'Untouched: sharp. Warm: in front of the plane of focus. Cool: behind it.',
  depth: 'Bright: near. Dark: far.',
  coc: 'White: sharp. Orange: in front of the plane of focus. Blue: behind it.',
};
const find = (name) => element.querySelector(name);
const state = { photo: null, x: null, y: null, index: 18, view: 'photo', lens: {}, full: null, original: null };
let drawing = false, again = false, comparing = false, keeping = false, latest = '', since = 0, timer = 0, held = 0;

const settings = () => ({ x: state.x, y: state.y, f_number: F_NUMBERS[state.index], ...state.lens });
const key = () => JSON.stringify([state.photo?.revision, settings()]);
const isFull = () => state.full?.url && state.full.key === key();

function say(text, bad = false) {
  const line = find('.status');
  line.textContent = text;
  bad ? line.setAttribute('data-bad', '') : line.removeAttribute('data-bad');
}

async function ask(wish) {
  const answer = await fetch(new URL('dofsim/preview', document.baseURI), { method: 'POST', body: JSON.stringify(wish) });
  if (answer.status === 400) return await answer.json();
  if (!answer.ok) throw new Error(answer.statusText);
  const image = URL.createObjectURL(await answer.blob()), about = decodeURIComponent(answer.headers.get('X-About'));
  return { image, about, ms: answer.headers.get('Server-Timing').split('dur=')[1] };
}

const release = (image) => { if (image?.startsWith('blob:') && image !== state.original) URL.revokeObjectURL(image); };

async function remember(token) {
  const before = state.original;
  state.original = null;
  release(before);
  const answer = await ask({ token, view: 'original', settings: {} }).catch(() => ({}));
  if (answer.image && token === state.photo?.token) state.original = answer.image;
  else release(answer.image);
}

function place() {
  const ready = state.photo !== null, mark = find('.mark'), image = find('.shown');
  find('.frame').dataset.state = ready ? 'ready' : 'empty';
  for (const control of element.querySelectorAll('input, button')) control.disabled = !ready;
  const aperture = find('.aperture'), label = `f/${F_NUMBERS[state.index]}`;
  aperture.value = state.index;
  aperture.setAttribute('aria-valuetext', label);
  find('.f-number').textContent = label;
  find(`.views input[value=${state.view}]`).checked = true;
  find('.key').textContent = ready ? KEYS[state.view] : '';
  find('.badge').style.display = comparing ? 'block' : 'none';
  const link = find('.download'), full = ready && isFull();
  link.setAttribute('aria-disabled', String(!full));
  find('.size').textContent = full ? state.full.about : '';
  for (const [name, value] of [['href', state.full?.url], ['download', state.full?.name]])
    full ? link.setAttribute(name, value) : link.removeAttribute(name);
  mark.style.display = ready && state.x !== null && !comparing ? 'block' : 'none';
  if (state.x !== null) {
    mark.style.left = `${image.offsetLeft + state.x * image.offsetWidth}px`;
    mark.style.top = `${image.offsetTop + state.y * image.offsetHeight}px`;
  }
}

async function show(source, alt) {
  const image = find('.shown');
  image.alt = alt;
  const before = image.src;
  if (before !== source) {
    image.src = source;
    await image.decode().catch(() => {});
    release(before);
  }
  place();
}

// One request at a time: while one is under way only the latest wish is remembered.
async function draw() {
  if (!state.photo) return;
  if (drawing) { again = true; return; }
  drawing = true;
  try {
    do {
      again = false;
      const begun = since || performance.now(), token = state.photo.token;
      const wish = { token, view: comparing ? 'original' : state.view, settings: settings() };
      const asked = JSON.stringify([wish, state.photo.revision]);
      since = 0;
      // A slider that is let go says once more where it is.
      if (asked === latest) continue;
      latest = asked;
      const answer = await ask(wish);
      if (!state.photo || token !== state.photo.token) { release(answer.image); continue; }
      if (answer.error) { latest = ''; say(answer.error, true); continue; }
      await show(answer.image, answer.about);
      say(answer.about);
      const stage = find('.stage');
      stage.dataset.server = answer.ms;
      stage.dataset.latency = (performance.now() - begun).toFixed(1);
      stage.dataset.drawn = Number(stage.dataset.drawn || 0) + 1;
    } while (again);
  } catch (error) {
    latest = '';
    say('The server does not answer; is it still running?', true);
  } finally {
    drawing = false;
  }
}

function look() {
  since = since || performance.now();
  place();
  draw();
}

function change(settled, after = SETTLE_MS) {
  look();
  clearTimeout(timer);
  if (settled) timer = setTimeout(keep, after);
}

function keep() {
  if (!state.photo) return;
  if (drawing || comparing || keeping) { timer = setTimeout(keep, SETTLE_MS); return; }
  keeping = true;
  trigger('settled', { token: state.photo.token, settings: settings(), key: key() });
}

function focusAt(x, y) {
  state.x = Math.min(Math.max(x, 0), 1);
  state.y = Math.min(Math.max(y, 0), 1);
  change(true);
}

async function compare(on) {
  if (!state.photo || comparing === on) return;
  comparing = on;
  latest = '';
  if (on && state.original) await show(state.original, 'The original');
  else if (on) draw();
  else if (isFull() && state.view === 'photo') await show(state.full.url, find('.status').textContent);
  else draw();
  place();
}

element.addEventListener('input', (event) => {
  if (!event.target.classList.contains('aperture')) return;
  state.index = Number(event.target.value);
  change(false);
});
element.addEventListener('change', (event) => {
  if (event.target.name === 'dofsim-view') { state.view = event.target.value; look(); }
  if (event.target.classList.contains('aperture')) change(true);
});

// An empty stage, and a full one on which a file is dropped, stand for Gradio's own box.
const chooser = () => document.querySelector('#dofsim-photo input[type=file]');
element.addEventListener('click', (event) => {
  if (!state.photo && event.target.closest('.stage')) chooser()?.click();
});
element.addEventListener('dragover', (event) => event.preventDefault());
element.addEventListener('drop', async (event) => {
  event.preventDefault();
  const files = event.dataTransfer.files;
  if (!files.length) return;
  // Gradio makes its box after this one, and takes it away during an upload.
  while (!chooser()) await new Promise(requestAnimationFrame);
  const input = chooser();
  input.files = files;
  input.dispatchEvent(new Event('change', { bubbles: true }));
});

let down = null;
element.addEventListener('pointerdown', (event) => {
  if (event.button !== 0 || !state.photo) return;
  if (event.target.closest('.compare')) { compare(true); return; }
  if (!event.target.closest('.shown')) return;
  down = { x: event.clientX, y: event.clientY };
  held = setTimeout(() => { down = null; compare(true); }, HOLD_MS);
});
element.addEventListener('pointerup', (event) => {
  clearTimeout(held);
  const near = down && Math.hypot(event.clientX - down.x, event.clientY - down.y) < 10;
  down = null;
  if (comparing) { compare(false); return; }
  if (!near || !event.target.closest('.shown')) return;
  const box = find('.shown').getBoundingClientRect();
  focusAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
});
for (const name of ['pointercancel', 'pointerleave', 'blur'])
  element.addEventListener(name, (event) => {
    if (!event.target.matches?.('.compare, .shown')) return;
    clearTimeout(held);
    down = null;
    compare(false);
  }, true);
element.addEventListener('contextmenu', (event) => { if (event.target.closest('.stage')) event.preventDefault(); });

element.addEventListener('keydown', (event) => {
  if (!state.photo && event.key === 'Enter' && event.target.closest('.stage')) chooser()?.click();
  if (!state.photo) return;
  const holds = event.target.closest('.compare') && (event.key === ' ' || event.key === 'Enter');
  if (holds) { event.preventDefault(); compare(true); return; }
  if (!event.target.closest('.stage')) return;
  const move = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
  if (move) {
    event.preventDefault();
    state.x = Math.min(Math.max((state.x ?? 0.5) + move[0], 0), 1);
    state.y = Math.min(Math.max((state.y ?? 0.5) + move[1], 0), 1);
    place();
  } else if (event.key === 'Enter') focusAt(state.x ?? 0.5, state.y ?? 0.5);
  else if (event.key === 'c') compare(true);
});
element.addEventListener('keyup', (event) => { if (comparing && ['c', ' ', 'Enter'].includes(event.key)) compare(false); });

const onLens = (event) => { state.lens = event.detail; if (state.photo) change(true); };
document.addEventListener('dofsim-lens', onLens);
new ResizeObserver(() => place()).observe(element);

watch('value', () => {
  const value = props.value || {};
  const other = value.token !== state.photo?.token || value.revision !== state.photo?.revision;
  if (value.token !== state.photo?.token) Object.assign(state, { x: value.x ?? null, y: value.y ?? null, view: 'photo' });
  if (other || value.full) keeping = false;
  state.photo = value.token ? value : null;
  state.full = value.full || null;
  if (!state.photo) { find('.shown').removeAttribute('src'); say(''); place(); }
  else if (other) { comparing = false; change(true, FIRST_MS); remember(value.token); }
  else if (isFull() && state.view === 'photo' && !comparing) show(state.full.url, find('.status').textContent);
  else place();
});
place();
