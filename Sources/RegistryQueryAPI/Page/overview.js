// The first view: what builds now, what waits, what there is.

const PHASES = {cloning: 'Clone', building: 'Build', pushing: 'Push', verifying: 'Verify'};
const DOING = {cloning: 'Cloning', building: 'Building', pushing: 'Pushing', verifying: 'Verifying'};
const STATUSES = {queued: 'Queued', running: 'Running', succeeded: 'Succeeded', failed: 'Failed', cancelled: 'Cancelled'};

// A build's status as a badge: symbol, word and colour.
function badge(status) {
  return h('span', {class: `badge ${status}`}, icon(status === 'succeeded' ? 'done' : status), STATUSES[status]);
}

// An empty place, an error or whatever else a view has in place of what it is for, and what to do about it.
function blank(title, text, ...actions) {
  return h('div', {class: 'blank'}, h('p', {class: 'title'}, title), text && h('p', {}, text), actions.length > 0 && h('div', {class: 'buttons'}, actions));
}

// Fills a place anew only where something else is to be shown, so that focus stays and what moves is not begun again.
function settle(place, key, make) {
  if (place.key === key) return;
  place.key = key;
  place.replaceChildren(...[make()].flat());
}

const failure = (title, error, again) =>
  blank([icon('failed'), title], sentence(error.message), again && h('button', {onclick: again}, 'Try again'));

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const sentence = (text) => capital(text) + (/[.!?…]$/.test(text) ? '' : '.');

// Rows that stand for what is being asked for.
const skeleton = (rows, kind) => Array.from({length: rows}, () => h('div', {class: `skeleton ${kind}`, 'aria-hidden': 'true'}));

const elapsed = (build) => build.startedAt && !build.done ? (clock.known() - Date.parse(build.startedAt)) / 1000 : build.durationSeconds;

// The progress of a build: its four phases, with the steps of the Dockerfile in the second.
function progressTrack() {
  const segments = Object.entries(PHASES).map(([phase, name]) =>
    h('span', {class: `segment ${phase}`}, h('span', {class: 'fill'}), h('span', {class: 'label'}, name)));
  const track = h('div', {class: 'track', role: 'progressbar', 'aria-valuemin': 0}, segments);
  const phases = Object.keys(PHASES);
  track.update = (build) => {
    const at = phases.indexOf(build.phase);
    const {step, steps} = stepOf(build) ?? {};
    segments.forEach((segment, index) => {
      const state = build.status === 'succeeded' || index < at ? 'past' : index === at ? 'now' : 'ahead';
      segment.dataset.state = state;
      const isCounted = phases[index] === 'building' && state === 'now' && steps;
      segment.toggleAttribute('data-counted', Boolean(isCounted));
      // A step that has begun is not done.
      segment.style.setProperty('--done', isCounted ? (step - 0.5) / steps : state === 'past' ? 1 : 0);
    });
    track.setAttribute('aria-label', `${build.webapp} ${build.tag}`);
    track.setAttribute('aria-valuemax', steps ?? phases.length);
    track.setAttribute('aria-valuenow', steps ? step : Math.max(0, at));
    track.setAttribute('aria-valuetext', `${build.phase ?? build.status}${steps ? `, step ${step} of ${steps}` : ''}`);
  };
  return track;
}

// How long a build takes so far, against the usual.
function againstUsual() {
  const now = h('span', {class: 'figure'});
  const usual = h('span', {class: 'faint'});
  const element = h('span', {class: 'against'}, now, usual);
  let build;
  const text = () => {
    if (!build) return;
    const seconds = elapsed(build);
    say(now, duration(seconds));
    const expected = build.usualDurationSeconds;
    element.classList.toggle('late', Boolean(expected && !build.done && seconds > expected * 1.5 + 5));
    say(usual, expected ? `${seconds > expected ? ', ' : ' of '}usually ${duration(expected)}` : '');
  };
  element.tick = text;
  element.dataset.tick = '';
  element.update = (next) => { build = next; text(); };
  return element;
}

const buildName = (build) => h('a', {class: 'name', href: `#/builds/${build.id}`}, build.webapp, ' ', h('span', {class: 'tag'}, build.tag));

// The step that it is at: once the image is built there is none any more.
const stepOf = ({progress, phase}) => phase === 'building' ? progress : null;

function stepText(build) {
  const at = stepOf(build);
  return at ? `Step ${at.step} of ${at.steps}` : DOING[build.phase] ?? '';
}

// A build under way.
function runningCard(first) {
  const track = progressTrack();
  const time = againstUsual();
  const step = h('span', {class: 'steps'});
  const instruction = h('code');
  const message = h('p', {class: 'message'});
  const cancel = cancelButton(() => card.build);
  const card = h('li', {class: 'card running'},
    h('div', {class: 'cardhead'}, buildName(first), cancel), track, h('div', {class: 'stepline'}, h('p', {class: 'step'}, step, instruction), time), message);
  card.update = (build) => {
    card.build = build;
    track.update(build);
    time.update(build);
    cancel.update(build);
    say(step, stepText(build));
    say(instruction, stepOf(build)?.instruction ?? '');
    say(message, capital(build.message));
  };
  return card;
}

// A build that waits.
function queuedRow(first) {
  const waits = ticking(h('span', {class: 'faint'}), () => `waits for ${duration((clock.known() - Date.parse(first.createdAt)) / 1000)}`);
  const message = h('span', {class: 'message'});
  const cancel = cancelButton(() => row.build);
  const row = h('li', {class: 'row'}, icon('queued'),
    buildName(first), waits, message, cancel);
  row.update = (build) => {
    row.build = build;
    say(message, build.message);
    cancel.update(build);
  };
  return row;
}

// A build that has ended, as a line of a list.
function endedRow(first) {
  const status = h('span', {class: 'status'});
  const took = h('span', {class: 'took'});
  const message = h('span', {class: 'message'});
  const when = h('span', {class: 'when faint'});
  const row = h('li', {class: 'row ended'}, status, buildName(first), message, took, when);
  row.update = (build) => {
    if (row.status !== build.status) status.replaceChildren(badge(build.status));
    row.status = build.status;
    say(message, build.done ? (build.status === 'failed' ? build.message : '') : `${build.phase ?? 'queued'} …`);
    say(took, build.done && build.durationSeconds != null ? duration(build.durationSeconds) : '');
    if (!when.firstChild || row.when !== (build.finishedAt ?? build.createdAt)) {
      row.when = build.finishedAt ?? build.createdAt;
      when.replaceChildren(ago(row.when));
    }
  };
  return row;
}

// ---- Webapps

const COLUMNS = [['webapp', 'Webapp'], ['latest', 'Latest'], ['digest', 'Digest'], ['built', 'Made'], ['next patch', 'Next patch'],
  ['next minor', 'Minor'], ['next major', 'Major'], ['last', 'Last build'], ['act', '']];

function webappRow(name, observer, lastBuild) {
  const cells = COLUMNS.map(([kind, title]) => h(kind === 'webapp' ? 'th' : 'td', {
    class: kind, role: kind === 'webapp' ? 'rowheader' : 'cell', scope: kind === 'webapp' && 'row', 'data-title': kind.split(' ')[1],
  }));
  const [first, latest, digest, built, patch, minor, major, last, act] = cells;
  first.append(h('a', {class: 'name', href: `#/webapps/${name}`}, name));
  const start = startButton(name);
  act.append(start);
  const row = h('tr', {role: 'row', 'data-name': name}, cells);
  observer.observe(row);
  row.update = () => {
    const {data, error, at} = webapps.detail(name);
    const build = lastBuild(name);
    start.update();
    const state = JSON.stringify([data, error?.message, build?.id, build?.status]);
    if (row.state === state) return;
    row.state = state;
    fillLast(last, build);
    if (!data) {
      if (error) latest.replaceChildren(h('span', {class: 'bad', title: error.message}, `not known: ${error.message}`));
      else if (!at || !latest.firstChild) latest.replaceChildren(...skeleton(1, 'word'));
      row.classList.toggle('unknown', Boolean(error));
      return;
    }
    row.classList.remove('unknown');
    latest.replaceChildren(
      data.latest ? h('span', {class: 'tag'}, data.latest) : h('span', {class: 'faint'}, 'no version yet'),
      error ? h('span', {class: 'old', title: error.message}, `not current: ${error.message}`) : '');
    digest.replaceChildren(data.digest ? digestText(data.digest) : '');
    built.replaceChildren(data.createdAt ? ago(data.createdAt) : '');
    for (const [cell, bump] of [[patch, 'patch'], [minor, 'minor'], [major, 'major']]) say(cell, data.next?.[bump] ?? '–');
  };
  return row;
}

function fillLast(cell, build) {
  if (!build) return say(cell, '');
  cell.replaceChildren(h('a', {class: `mini ${build.status}`, href: `#/builds/${build.id}`},
    icon(build.status === 'succeeded' ? 'done' : build.status), h('span', {}, build.tag), h('span', {class: 'hidden'}, ` ${build.status}`)));
}

// The table of webapps with its filter.
function webappsSection() {
  const filter = h('input', {type: 'search', placeholder: 'Filter', 'aria-label': 'Filter webapps', ...PLAIN, oninput: () => update()});
  const count = h('span', {class: 'faint', role: 'status'});
  const note = h('p', {class: 'note', hidden: true});
  const body = h('tbody');
  const table = h('table', {class: 'webapps', role: 'table', 'aria-label': 'Webapps'},
    h('thead', {}, h('tr', {role: 'row'}, COLUMNS.map(([kind, title]) =>
      h('th', {scope: 'col', role: 'columnheader', class: kind},
        title || h('span', {class: 'hidden'}, 'Actions'))))),
    body);
  const place = h('div', {class: 'place'});
  const other = startButton(null);
  // Details are asked for when a row comes near what is seen.
  const observer = new IntersectionObserver((entries) => {
    for (const {target, isIntersecting} of entries) {
      target.isSeen = isIntersecting;
      if (isIntersecting) webapps.want(target.dataset.name);
    }
  }, {rootMargin: '300px'});

  const element = section('Webapps', [count, h('div', {class: 'right'}, filter, other)], note, place);

  let newest = new Map();
  const lastBuild = (name) => newest.get(name)?.[0];

  function update() {
    const {list, error} = webapps;
    other.update();
    show(filter, Boolean(list?.webapps.length));
    if (!list) {
      say(count, '');
      element.setAttribute('aria-busy', String(!error));
      return settle(place, error ? `failed ${error.message}` : 'loading', () =>
        (error ? failure('The webapps are not known', error, () => webapps.load()) : skeleton(6, 'line')));
    }
    element.setAttribute('aria-busy', 'false');
    const notes = [
      error && sentence(`The list is not current: ${error.message}`),
      list.message && `Only webapps that were built lately are listed. ${sentence(list.message)}`,
    ].filter(Boolean);
    show(note, notes.length > 0);
    say(note, notes.join(' '));
    const wanted = filter.value.trim().toLowerCase();
    const names = list.webapps.filter((name) => name.includes(wanted));
    say(count, wanted ? `${number(names.length)} of ${number(list.webapps.length)}` : number(list.webapps.length));
    newest = Map.groupBy(builds.list(), (build) => build.webapp);
    keyed(body, names, (name) => name, (name) => webappRow(name, observer, lastBuild));
    if (names.length) settle(place, 'table', () => table);
    else if (list.webapps.length) settle(place, `none ${wanted}`, () => blank('No webapp of this name', `Nothing contains “${wanted}”.`));
    else settle(place, 'empty', () => blank('No webapps yet', 'A webapp is listed as soon as it has an image in the registry. Its first build makes one.'));
  }

  return {
    element, update, filter,
    // Asks again for what is seen, once a minute.
    refresh() {
      for (const row of body.children) if (row.isSeen) webapps.want(row.dataset.name);
    },
    close: () => observer.disconnect(),
  };
}

// ---- The view

function overview() {
  const running = h('ul', {class: 'cards'});
  const queue = h('ul', {class: 'rows'});
  const recent = h('ul', {class: 'rows'});
  const place = h('div');
  const queueCount = h('span', {class: 'faint'});
  const queueSection = section('Queue', queueCount, queue);
  const more = h('button', {onclick: () => { most += 50; update(); }}, 'Show more');
  const recentSection = section('Recent builds', null, recent, more);
  queueSection.hidden = recentSection.hidden = true;
  const list = webappsSection();
  const runningCount = h('span', {class: 'faint'});
  let most = 8;

  function update() {
    list.update();
    if (!builds.known) {
      if (!place.firstChild) place.replaceChildren(...skeleton(1, 'box'));
      return;
    }
    const now = builds.list((build) => build.status === 'running').reverse();
    const waiting = builds.list((build) => build.status === 'queued').reverse();
    const ended = builds.list((build) => build.done);
    say(runningCount, now.length ? number(now.length) : '');
    keyed(running, now, (build) => build.id, runningCard);
    const shown = now.length ? running : blankNow(ended[0]);
    if (place.firstChild !== shown && (now.length || place.firstChild?.key !== shown.key)) place.replaceChildren(shown);
    keyed(queue, waiting, (build) => build.id, queuedRow);
    show(queueSection, waiting.length > 0);
    say(queueCount, number(waiting.length));
    keyed(recent, ended.slice(0, most), (build) => build.id + build.createdAt, endedRow);
    show(recentSection, ended.length > 0);
    show(more, ended.length > most);
  }

  return {
    title: null,
    element: h('div', {class: 'overview'},
      unseen('Overview'),
      section('Building now', runningCount, place), queueSection, list.element, recentSection),
    update,
    refresh: () => list.refresh(),
    focusFilter: () => list.filter.focus(),
    close: () => list.close(),
  };
}

function blankNow(last) {
  const element = blank('Nothing builds', last ? null : 'Builds are shown here as soon as n8n, a push or somebody here starts one.');
  if (last) {
    element.append(h('p', {}, 'The last one was ', h('a', {href: `#/builds/${last.id}`}, `${last.webapp} ${last.tag}`), ', ',
      last.status, ' ', ago(last.finishedAt ?? last.createdAt), '.'));
  }
  element.key = last ? last.id + last.status : 'none';
  return element;
}
