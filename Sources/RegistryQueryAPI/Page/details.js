// The views of one webapp and of one build.

// A list of names and values; values that are absent are left out.
function facts(pairs) {
  return pairs.filter(([, value]) => value)
    .map(([name, value, isWide]) => h('div', {class: isWide ? 'fact wide' : 'fact'}, h('dt', {}, name), h('dd', {}, value)));
}

const crumb = (...links) => h('nav', {class: 'crumb', 'aria-label': 'Where this is'}, icon('back'), links);

// ---- Webapp

function webappView(name) {
  const start = startButton(name);
  start.classList.add('primary');
  const facetList = h('dl', {class: 'facts'}, skeleton(4, 'fact'));
  const trouble = h('div', {hidden: true});
  const chart = new Chart((id) => { location.hash = `#/builds/${id}`; });
  const chartPlace = h('div', {}, skeleton(1, 'box'));
  const since = h('p', {class: 'note', hidden: true});
  const list = h('ul', {class: 'rows'});
  const listPlace = h('div', {}, skeleton(3, 'line'));
  const tags = h('div', {}, skeleton(3, 'line'));
  const tagCount = h('span', {class: 'faint'});
  const stopping = new AbortController();
  let history = null;
  let drawn = null;

  async function load() {
    webapps.want(name, 0);
    const get = (path) => ask(path, {signal: stopping.signal}).catch((error) => ({error}));
    const [newHistory, newTags] = await Promise.all([get(`webapps/${name}/history?limit=30`), get(`tags/${name}?limit=300`)]);
    if (stopping.signal.aborted) return;
    history = newHistory;
    fillHistory();
    fillTags(newTags);
    update();
  }

  function fillHistory() {
    if (history.error) return chartPlace.replaceChildren(failure('The history is not known', history.error, load));
    const isEmpty = history.versions.length + history.builds.length === 0;
    if (isEmpty) return chartPlace.replaceChildren(blank('Nothing to draw yet', 'Versions and builds are drawn here once there are some.'));
    if (!chartPlace.contains(chart.element)) chartPlace.replaceChildren(chart.element);
    chart.update(history, webapps.detail(name).data?.usualDurationSeconds ?? null);
    show(since, true);
    say(since, `Builds are remembered since this replica of the service started, ${dateText(history.since)}. Versions are those of the registry.`);
  }

  function fillTags(answer) {
    if (answer.error) {
      const isNew = answer.error.code === 'repository_unknown';
      return tags.replaceChildren(isNew ? blank('No images yet', 'The first build makes the repository.') : failure('The tags are not known', answer.error, load));
    }
    say(tagCount, number(answer.count));
    if (!answer.count) return tags.replaceChildren(blank('No tags yet', 'The first build makes one.'));
    const known = new Map((history.versions ?? []).map((version) => [version.tag, version]));
    const rest = answer.tags.filter((tag) => !known.has(tag));
    tags.replaceChildren(
      h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Versions'}, h('table', {class: 'tags'},
        h('thead', {}, h('tr', {}, ['Version', 'Made', 'Digest'].map((text) => h('th', {scope: 'col'}, text)))),
        h('tbody', {}, [...known.values()].map((version) => h('tr', {},
          h('th', {scope: 'row', class: 'tag'}, version.tag), h('td', {}, version.createdAt ? ago(version.createdAt) : '–'),
          h('td', {}, digestText(version.digest))))))),
      ...rest.length ? [h('h3', {}, 'Other tags'), h('ul', {class: 'chips'}, rest.map((tag) => h('li', {}, tag)))] : [],
      ...answer.tags.length < answer.count ? [h('p', {class: 'note'}, `and ${number(answer.count - answer.tags.length)} more`)] : []);
  }

  function update() {
    start.update();
    const {data, error} = webapps.detail(name);
    show(trouble, Boolean(error));
    if (error && trouble.message !== error.message) trouble.replaceChildren(failure('The registry’s answer is missing', error, load));
    trouble.message = error?.message;
    const state = JSON.stringify(data);
    if (data && state !== drawn) {
      drawn = state;
      facetList.replaceChildren(...webappFacts(data));
      if (history && !history.error) fillHistory();
    } else if (error && !data) {
      facetList.replaceChildren();
    }
    fillBuilds();
  }

  // What the feed knows of, and what has been before.
  function fillBuilds() {
    if (!builds.known && !history) return;
    const now = builds.list((build) => build.webapp === name);
    const known = new Set(now.map((build) => build.id + build.createdAt));
    const before = (history?.builds ?? []).filter((build) => !known.has(build.id + build.createdAt))
      .map((build) => ({...build, webapp: name, done: true, message: ''}));
    const all = [...now, ...before].sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt)).slice(0, 60);
    keyed(list, all, (build) => build.id + build.createdAt, endedRow);
    const shown = all.length ? list : null;
    if (shown && listPlace.firstChild !== list) listPlace.replaceChildren(list);
    if (!shown && listPlace.firstChild?.className !== 'blank') listPlace.replaceChildren(blank('No builds known', 'Builds are forgotten some time after they have ended.'));
    // A build has ended since the history was read.
    const ended = all.filter((build) => build.done).length;
    if (history && fillBuilds.ended !== undefined && ended > fillBuilds.ended) load();
    fillBuilds.ended = history ? ended : undefined;
  }

  load();
  return {
    title: name,
    element: h('div', {class: 'detail'},
      crumb(h('a', {href: '#/'}, 'All webapps')),
      h('div', {class: 'heading'}, h('h1', {tabindex: -1}, name), start),
      trouble, facetList,
      section('Versions over time', null, chartPlace, since),
      h('div', {class: 'columns'}, section('Builds', null, listPlace), section('Tags', tagCount, tags))),
    update,
    refresh: () => webapps.want(name),
    close: () => stopping.abort(),
  };
}

function webappFacts(data) {
  const next = ['patch', 'minor', 'major'].filter((bump) => data.next?.[bump])
    .map((bump) => h('span', {class: 'pair'}, h('span', {class: 'faint'}, `${bump} `), h('code', {}, data.next[bump])));
  return facts([
    ['Latest', h('span', {class: 'big'}, data.latest ?? 'none yet')],
    ['Made', data.createdAt && ago(data.createdAt)],
    ['Digest', data.digest && digestText(data.digest)],
    ['Size', data.size != null && bytes(data.size)],
    ['Next', next.length && h('span', {class: 'nexts'}, next), true],
    ['Builds under way', data.inFlight?.length && data.inFlight.join(', ')],
    ['A build usually takes', data.usualDurationSeconds && duration(data.usualDurationSeconds)],
    ['Repository', h('span', {class: 'pair'}, h('code', {}, data.repository), copier(data.repository, 'the repository')), true],
  ]);
}

// ---- Build

// The phases of a build, each as wide as it was long, down to a width that can still be seen.
function timeline() {
  const list = h('ol', {class: 'timeline'});
  list.update = (build) => {
    list.build = build;
    const queued = build.startedAt ? [{phase: 'queued', startedAt: build.createdAt, durationSeconds: (Date.parse(build.startedAt) - Date.parse(build.createdAt)) / 1000}] : [];
    keyed(list, [...queued, ...build.phases ?? []], (time) => time.phase, phaseBox);
    if (build.done) [...list.children].at(-1)?.classList.toggle('broken', build.status === 'failed');
  };
  return list;
}

function phaseBox() {
  const name = h('span', {class: 'phase'});
  const took = h('span', {class: 'took'});
  const box = h('li', {}, h('span', {class: 'bar', 'aria-hidden': 'true'}), name, took);
  const text = () => {
    if (!box.time) return;
    const lasts = box.time.durationSeconds == null;
    const seconds = lasts ? (clock.known() - Date.parse(box.time.startedAt)) / 1000 : box.time.durationSeconds;
    box.classList.toggle('lasting', lasts);
    box.style.setProperty('--grow', Math.max(seconds * 100, 1).toFixed());
    say(took, duration(seconds));
  };
  box.tick = text;
  box.dataset.tick = '';
  box.update = (time) => {
    box.time = time;
    say(name, time.phase === 'queued' ? 'Queued' : PHASES[time.phase]);
    box.classList.add(time.phase);
    text();
  };
  return box;
}

function buildView(id, firstLine) {
  const status = h('span');
  const cancel = cancelButton(() => build);
  const retry = retryButton(() => build);
  const title = h('h1', {tabindex: -1}, id);
  const message = h('p', {class: 'verdict'});
  const track = progressTrack();
  const time = againstUsual();
  const step = h('p', {class: 'step'}, h('span', {class: 'steps'}), h('code'));
  const live = h('div', {class: 'card running live', hidden: true}, track, h('div', {class: 'stepline'}, step, time));
  const phases = timeline();
  const phaseSection = section('Phases', null, phases);
  phaseSection.hidden = true;
  const list = h('dl', {class: 'facts'}, skeleton(6, 'fact'));
  const trail = crumb(h('a', {href: '#/'}, 'All webapps'));
  const log = new LogView(id, `#/builds/${id}`);
  const content = h('div', {}, live, phaseSection, list, log.element);
  const missing = h('div', {hidden: true});
  const stopping = new AbortController();
  let build = null;
  let drawn = null;

  // A build that the feed does not tell of is asked for.
  async function load() {
    try {
      fill(await ask(`builds/${id}`, {signal: stopping.signal}));
    } catch (error) {
      if (stopping.signal.aborted) return;
      show(missing, true);
      show(content, Boolean(build));
      missing.replaceChildren(error.status === 404
        ? blank('This build is not known any more', 'Builds are forgotten some time after they have ended: Jobs after ten minutes, local builds after a day.',
          h('a', {class: 'button', href: '#/'}, 'To the webapps'))
        : failure('The build is not known', error, load));
    }
  }

  function update() {
    const known = builds.known?.get(id);
    if (known) fill(known);
    else if (builds.known && !update.asked) {
      update.asked = true;
      load();
    }
  }

  function fill(next) {
    // Its version was free again, and this is another build with its own log.
    if (build && build.createdAt !== next.createdAt) return reopen();
    build = next;
    show(missing, false);
    show(content, true);
    view.title = `${build.webapp} ${build.tag}`;
    say(title, view.title);
    if (status.shown !== build.status) status.replaceChildren(badge(build.status));
    status.shown = build.status;
    cancel.update(build);
    retry.update(build);
    say(message, build.done ? sentence(build.message) : capital(build.message));
    message.className = `verdict ${build.status}`;
    show(live, build.status === 'running');
    track.update(build);
    time.update(build);
    say(step.firstChild, stepText(build));
    say(step.lastChild, stepOf(build)?.instruction ?? '');
    show(phaseSection, build.phases.length > 0);
    phases.update(build);
    const state = JSON.stringify({...build, durationSeconds: build.done && build.durationSeconds, progress: null, phases: null, message: null});
    if (state === drawn) return;
    drawn = state;
    list.replaceChildren(...buildFacts(build));
    trail.replaceChildren(icon('back'), h('a', {href: '#/'}, 'All webapps'), h('a', {href: `#/webapps/${build.webapp}`}, build.webapp));
  }

  const view = {
    title: id,
    element: h('div', {class: 'detail'}, trail, h('div', {class: 'heading'}, title, status, h('span', {class: 'grow'}), retry, cancel),
      message, missing, content),
    update,
    go: (line) => log.go(line),
    close() {
      stopping.abort();
      log.close();
    },
  };
  if (firstLine) log.go(firstLine);
  log.read();
  update();
  return view;
}

function buildFacts(build) {
  const {git, callback} = build;
  const code = (text, what) => h('span', {class: 'pair'}, h('code', {title: text}, text), copier(text, what));
  const queuedFor = build.startedAt && (Date.parse(build.startedAt) - Date.parse(build.createdAt)) / 1000;
  const usual = build.usualDurationSeconds ? h('span', {class: 'faint'}, `  usually ${duration(build.usualDurationSeconds)}`) : null;
  return facts([
    ['Image', code(build.image, 'the image'), true],
    ['Digest', build.digest && digestText(build.digest)],
    ['Took', build.done && build.durationSeconds != null && h('span', {}, duration(build.durationSeconds), usual)],
    ['Waited', queuedFor >= 1 && duration(queuedFor)],
    ['Asked for', h('span', {}, ago(build.createdAt), build.requestedBy && ` by ${build.requestedBy}`)],
    ['Ended', build.finishedAt && ago(build.finishedAt)],
    ['Source', h('code', {}, git.url), true],
    ['Branch or tag', git.ref],
    ['Commit', git.commit && h('span', {class: 'pair'}, h('code', {title: git.commit}, git.commit.slice(0, 12)), copier(git.commit, 'the commit'))],
    ['Folder', git.subdirectory],
    ['Platforms', build.platforms.join(', ')],
    ['Callback', callback && callbackText(callback)],
  ]);
}

function callbackText({host, status, attempts, lastAnswer, nextAttemptAt}) {
  const parts = [`${status}${host ? `, ${host}` : ''}`];
  if (attempts) parts.push(plural(attempts, 'attempt'));
  if (lastAnswer && status !== 'delivered') parts.push(lastAnswer);
  if (nextAttemptAt && status === 'retrying') parts.push(`again at ${clockText(Date.parse(nextAttemptAt))}`);
  return parts.join(' · ');
}
