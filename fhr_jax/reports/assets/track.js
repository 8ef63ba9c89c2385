// The page of a track. `now` is the time in seconds; all else follows from it.

const MOST = 6; // landmarks with curves at once
const HUES = ["c0", "c1", "c2", "c3", "c4", "c5"];
const video = find("video");
const marks = find("marks");
const faces = data.faces.map((face) => {
  const own = { ...face };
  for (const name of ["places", "times", "numbers", "steady", "raw", "confidence", "jitter", "jitterRaw", "missing", "far", "eyes", "mouth"])
    own[name] = decoded(face[name]);
  own.time = Array.from(own.times.values);
  own.count = own.time.length;
  own.points = own.steady.shape[1];
  own.chosen = face.shown.map((point, hue) => ({ point, hue }));
  return own;
});
let face = faces[0];
let now = faces.reduce((first, own) => Math.min(first, own.time[0]), Infinity);
let film = false;
let playing = false;
let range = null; // seconds that the plots show; null for all
let region = null;

// Time and frames

function frameAt(time) {
  let low = 0, high = face.count - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (face.time[middle] <= time + 2e-4) low = middle; else high = middle - 1;
  }
  return low;
}

const ends = () => [face.time[0], face.time[face.count - 1]];
const step = () => (ends()[1] - ends()[0]) / Math.max(1, face.frames - 1) || 1 / 30;

// Coordinates

function place(track, sample, point, axis) {
  const value = track.values[2 * (sample * face.points + point) + axis];
  return value === -32768 ? null : track.centre[axis] + track.step * value;
}

function curve(track, point, axis) {
  return face.time.map((_, sample) => place(track, sample, point, axis));
}

// What a drawing shows at a sample: of a long recording the middle of a pair of extremes.
function shownAt(track, sample, point) {
  const x = place(track, sample, point, 0), y = place(track, sample, point, 1);
  if (face.step === 1 || x === null) return x === null ? null : [x, y];
  const other = Math.min(face.count - 1, sample ^ 1);
  const x2 = place(track, other, point, 0), y2 = place(track, other, point, 1);
  return x2 === null ? [x, y] : [(x + x2) / 2, (y + y2) / 2];
}

const column = (coded, index) => {
  const width = coded.shape.length > 1 ? coded.shape[1] : 1;
  return face.time.map((_, sample) => {
    const value = coded.values[sample * width + index];
    return isFinite(value) ? value : null;
  });
};

function share(point) {
  const width = face.confidence.shape[1];
  const at = Math.min(point, width - 1);
  return face.time.map((_, sample) => {
    const value = face.confidence.values[sample * width + at];
    return value === 255 ? null : value / 254;
  });
}

// Curves

function withoutSpikes(lists) {
  return (u, low, high) => {
    const [left, right] = range || ends(); // the scale of x may still be that before a zoom
    const seen = [];
    for (const list of lists)
      for (let i = 0; i < face.count; i++)
        if (list[i] !== null && face.time[i] >= left && face.time[i] <= right) seen.push(list[i]);
    if (!seen.length) return [0, 1];
    seen.sort((a, b) => a - b);
    const usual = seen[Math.floor(0.98 * (seen.length - 1))];
    return [0, Math.max(1e-6, Math.min(1.06 * seen[seen.length - 1], 3 * usual))];
  };
}

// Rows of cells, one for each region, coloured where something happens.
function strip(title, unit, paint, legend) {
  const names = face.regions;
  const left = 76;
  const one = plot(find("curves"), {
    title, unit, x: face.time, height: 40 + 17 * names.length,
    series: [{ label: "", colour: "transparent", values: face.time.map(() => 0) }],
    legend: false,
    range: () => [0, names.length],
    axes: [
      axis({ values: (u, ticks) => ticks.map((t) => ticks[1] - ticks[0] < 1 ? clock(t) : clock(t).slice(0, -3)), size: 26, grid: { show: false } }),
      axis({ size: left, splits: () => names.map((_, i) => names.length - i - 0.5), values: () => names, grid: { show: false } }),
    ],
    hooks: {
      drawClear: [(u) => {
        const { ctx, bbox } = u;
        const height = bbox.height / names.length, gap = devicePixelRatio;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
        ctx.clip();
        names.forEach((_, r) => {
          const top = bbox.top + r * height + gap;
          ctx.globalAlpha = 1;
          ctx.fillStyle = colour("band");
          ctx.fillRect(bbox.left, top, bbox.width, height - 2 * gap);
          for (let i = 0; i < face.count; i++) {
            const from = u.valToPos(i ? (face.time[i - 1] + face.time[i]) / 2 : face.time[0], "x", true);
            const to = u.valToPos(i + 1 < face.count ? (face.time[i] + face.time[i + 1]) / 2 : face.time[i], "x", true);
            if (to < bbox.left || from > bbox.left + bbox.width) continue;
            paint(ctx, i, r, (alpha) => {
              ctx.globalAlpha = alpha;
              ctx.fillRect(from, top, Math.max(to - from, devicePixelRatio), height - 2 * gap);
            });
          }
        });
        ctx.restore();
      }],
    },
  });
  const box = one.frame.querySelector(".legend");
  for (const [name, label] of legend) {
    const swatch = make("i", { class: "box" });
    swatch.style.background = colour(name);
    box.append(make("span", { class: "item" }, swatch, label));
  }
}

function drawPlots() {
  clearPlots();
  const box = find("curves");
  box.textContent = "";
  const regions = face.regions.length;
  const x = face.time;
  ["x", "y"].forEach((name, axisNumber) => {
    const series = [];
    for (const { point, hue } of face.chosen) {
      const stroke = colour(HUES[hue]);
      if (face.raw) series.push({ label: "", colour: stroke, alpha: 0.5, width: 1, values: curve(face.raw, point, axisNumber) });
      series.push({ label: String(point), colour: stroke, width: 1.8, values: curve(face.steady, point, axisNumber) });
    }
    const unit = `${data.unit} ${name === "x" ? "to the right" : "down"}`;
    plot(box, { title: name, unit: face.raw ? `${unit}; thin: raw` : unit, x, series, height: 170 });
  });
  if (face.confidence) {
    const series = face.confidence.shape[1] === 1
      ? [{ label: "face", colour: colour("ink"), values: share(0) }]
      : face.chosen.map(({ point, hue }) => ({ label: String(point), colour: colour(HUES[hue]), values: share(point) }));
    plot(box, { title: "Confidence", x, series, height: 120, range: () => [0, 1.02] });
  }
  const jitter = face.regions.map((name, r) => column(face.jitter, r));
  const series = [];
  if (face.jitterRaw) series.push({ label: "raw", colour: colour("raw"), width: 1, alpha: 0.7, toggles: true, values: column(face.jitterRaw, 0) });
  series.push({ label: face.raw ? "smoothed" : "whole face", colour: colour("steady"), width: 1.8, toggles: true, values: jitter[0] });
  for (let r = 1; r < regions; r++)
    series.push({ label: face.regions[r], colour: colour(HUES[(r + 2) % 6]), width: 1.2, toggles: true, shown: false, values: jitter[r] });
  plot(box, { title: "Jitter", unit: "% of the face size", x, series, height: 150, range: withoutSpikes(series.map((one) => one.values)) });
  if (regions > 1) {
    const [low, high] = [1, 10];
    strip("Jitter by region", (face.raw ? "after smoothing; " : "") + "pale: 1 %, full: 10 %", (ctx, i, r, fill) => {
      const other = face.step === 1 ? i : Math.min(face.count - 1, i ^ 1); // of a pair of extremes, the larger
      const value = Math.max(face.jitter.values[i * regions + r], face.jitter.values[other * regions + r]);
      if (!(value > low)) return;
      ctx.fillStyle = colourOf.warm;
      fill(Math.min(1, 0.1 + 0.9 * Math.log(value / low) / Math.log(high / low)));
    }, []);
  }
  const any = (coded) => coded.values.some((value) => value > 0);
  if (any(face.missing) || any(face.far)) {
    strip("Missing and refused points", `refused: smoothing moved them by more than ${data.far} %`, (ctx, i, r, fill) => {
      const gone = face.missing.values[i * regions + r], far = face.far.values[i * regions + r];
      if (gone > 0) { ctx.fillStyle = colourOf.gone; fill(0.35 + 0.65 * gone / 100); }
      if (far > 0) { ctx.fillStyle = colourOf.far; fill(0.4 + 0.6 * far / 100); }
    }, [["gone", "missing"], ["far", "refused"]]);
  } else {
    box.append(make("p", { class: "soft" }, face.raw
      ? `No landmark is missing, and none was refused (moved by more than ${data.far} % of the face size).`
      : "No landmark is missing."));
  }
  if (face.eyes)
    plot(box, { title: "Openings", unit: "% of the face size", x, height: 130, series: [
      { label: "eyes", colour: colour("c0"), width: 1.6, values: column(face.eyes, 0) },
      { label: "mouth", colour: colour("c1"), width: 1.6, values: column(face.mouth, 0) },
    ] });
  for (const one of plots) {
    const head = make("div", { class: "playhead" });
    one.own.over.append(head);
    one.playhead = head;
    one.own.hooks.setScale = [...(one.own.hooks.setScale || []), () => follow(one)];
    const over = one.own.over;
    const to = (event) => go(one.own.posToVal(event.clientX - over.getBoundingClientRect().left, "x"));
    over.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      over.setPointerCapture(event.pointerId);
      pause();
      to(event);
      over.onpointermove = to;
    });
    over.addEventListener("pointerup", () => { over.onpointermove = null; });
    over.addEventListener("pointercancel", () => { over.onpointermove = null; });
  }
  zoom();
  show();
}

const colourOf = {};
function readColours() {
  for (const name of ["warm", "gone", "far"]) colourOf[name] = colour(name);
}

function follow(one) {
  const x = one.own.valToPos(now, "x");
  one.playhead.style.transform = `translateX(${x}px)`;
  one.playhead.hidden = !(x >= 0 && x <= one.own.over.clientWidth);
  const sample = frameAt(now);
  one.values.forEach((value, i) => { value.textContent = short(one.series[i].values[sample]); });
}

function zoom() {
  const [min, max] = range || ends();
  for (const { own } of plots) own.setScale("x", { min, max: max > min ? max : min + 1 });
}

function closer(factor) {
  const [first, last] = ends();
  const [low, high] = range || [first, last];
  const width = Math.max(10 * step(), (high - low) * factor);
  if (width >= last - first) range = null;
  else {
    const start = Math.min(Math.max(first, now - width / 2), last - width);
    range = [start, start + width];
  }
  zoom();
}

// The frame

// Where the film has the points of the frame at a time: its size may change.
function viewAt(time) {
  let found = data.views[0];
  for (const view of data.views) if (view[0] <= time) found = view;
  return found;
}

function mark(context, point, hue, [sx, sy, dx, dy], sample) {
  for (const track of [face.raw, face.steady]) {
    const at = track && shownAt(track, sample, point);
    if (!at) continue;
    context.beginPath();
    context.arc((at[0] + 0.5) * sx + dx, (at[1] + 0.5) * sy + dy, track === face.raw ? 2.5 : 5, 0, 7);
    context.strokeStyle = context.fillStyle = hue;
    context.lineWidth = 2;
    if (track === face.raw) context.fill(); else context.stroke();
  }
}

function drawFrame() {
  const ratio = devicePixelRatio || 1;
  const width = marks.clientWidth, height = marks.clientHeight;
  if (!width || !height) return;
  if (marks.width !== Math.round(width * ratio) || marks.height !== Math.round(height * ratio)) {
    marks.width = Math.round(width * ratio);
    marks.height = Math.round(height * ratio);
  }
  const context = marks.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const sample = frameAt(now);
  // On the dark screen the lighter hues of the dark theme are right in both themes.
  const light = ["#7db2ea", "#efa063", "#62c59c", "#c39be0", "#ef8d97", "#bdc95c"];
  if (film) {
    if (!video.videoWidth) return;
    const scale = Math.min(width / video.videoWidth, height / video.videoHeight);
    const dx = (width - scale * video.videoWidth) / 2, dy = (height - scale * video.videoHeight) / 2;
    const [, sx, sy, left, top] = viewAt(face.time[sample]);
    const place = [scale * sx, scale * sy, scale * left + dx, scale * top + dy];
    for (const { point, hue } of face.chosen) mark(context, point, light[hue], place, sample);
    return;
  }
  const track = face.steady;
  const extent = 65534 * track.step / 2;
  const near = extent > 6 * face.size;
  let [cx, cy] = track.centre;
  if (near) {
    const known = [];
    for (let p = 0; p < face.points; p++) { const at = shownAt(track, sample, p); if (at) known.push(at); }
    if (known.length) [cx, cy] = [0, 1].map((a) => known.map((at) => at[a]).sort((m, n) => m - n)[known.length >> 1]);
  }
  const scale = Math.min(width, height) / (near ? 4.5 * face.size : 1.15 * extent);
  const dx = width / 2 - (cx + 0.5) * scale, dy = height / 2 - (cy + 0.5) * scale;
  for (const [own, ink, thick] of [[face.raw, "#eaa457", 1], [track, "#62c59c", 1.5]]) {
    if (!own) continue;
    const at = [];
    for (let p = 0; p < face.points; p++) at.push(shownAt(own, sample, p));
    context.strokeStyle = context.fillStyle = ink;
    context.lineWidth = thick;
    context.globalAlpha = own === track ? 1 : 0.75;
    context.beginPath();
    for (const edge of data.edges) {
      let pen = false;
      for (const p of edge) {
        if (!at[p]) { pen = false; continue; }
        const x = (at[p][0] + 0.5) * scale + dx, y = (at[p][1] + 0.5) * scale + dy;
        if (pen) context.lineTo(x, y); else context.moveTo(x, y);
        pen = true;
      }
    }
    context.stroke();
    for (const one of at) if (one) context.fillRect((one[0] + 0.5) * scale + dx - 1, (one[1] + 0.5) * scale + dy - 1, 2, 2);
  }
  context.globalAlpha = 1;
  for (const { point, hue } of face.chosen) mark(context, point, light[hue], [scale, scale, dx, dy], sample);
}

// The number of the shown frame in the recording; of a long recording between those of two samples.
function numberAt(sample) {
  const numbers = face.numbers.values, next = Math.min(sample + 1, face.count - 1);
  if (face.step === 1 || next === sample) return numbers[sample];
  const share = (now - face.time[sample]) / (face.time[next] - face.time[sample]);
  return Math.round(numbers[sample] + Math.min(Math.max(0, share), 1) * (numbers[next] - numbers[sample]));
}

function show() {
  const sample = frameAt(now);
  const number = face.step === 1 ? face.places.values[sample] : Math.round((now - face.time[0]) / step());
  find("seek").value = String(number);
  find("seek").setAttribute("aria-valuetext", clock(now));
  const first = face.numbers.values[0], last = face.numbers.values[face.count - 1];
  const all = first === 1 ? last : `${first} to ${last}`;
  find("clock").textContent = `${clock(now)} of ${clock(ends()[1])}, frame ${numberAt(sample)} of ${all}`;
  for (const one of plots) follow(one);
  drawFrame();
}

// Moving through time. While the video seeks, only the newest place is kept.

let asked = null;
let waiting = null;

function seek(time) {
  const at = Math.max(0, time - data.start + Math.min(1e-3, step() / 4));
  if (video.seeking) { waiting = at; return; }
  asked = at;
  video.currentTime = at;
}

function go(time) {
  const [first, last] = ends();
  time = Math.min(Math.max(time, first), last);
  now = face.step === 1 ? face.time[frameAt(time + step() / 2)] : time;
  if (film) seek(now);
  show();
}

function fromVideo() {
  now = Math.min(Math.max(video.currentTime + data.start, ends()[0]), ends()[1]);
  if (range && (now < range[0] || now > range[1])) {
    const width = range[1] - range[0];
    range = [now, now + width];
    zoom();
  }
  show();
}

let before = 0;
function tick(moment) {
  if (!playing) return;
  if (film) {
    fromVideo();
  } else {
    const [first, last] = ends();
    now += Math.min(0.2, (moment - before) / 1000);
    if (now >= last) { now = last; pause(); }
    before = moment;
    show();
  }
  requestAnimationFrame(tick);
}

function pause() {
  playing = false;
  find("play").classList.remove("playing");
  find("play").setAttribute("aria-label", "Play");
  if (film) video.pause();
}

function play() {
  if (now >= ends()[1] - step() / 2) go(ends()[0]);
  playing = true;
  find("play").classList.add("playing");
  find("play").setAttribute("aria-label", "Pause");
  if (film) video.play().catch(pause);
  before = performance.now();
  requestAnimationFrame(tick);
}

function move(frames) {
  pause();
  if (face.step === 1) go(face.time[Math.min(Math.max(0, frameAt(now) + frames), face.count - 1)]);
  else go(now + frames * step());
}

// Choosing landmarks

function toggle(point) {
  const at = face.chosen.findIndex((one) => one.point === point);
  if (at >= 0) face.chosen.splice(at, 1);
  else {
    if (face.chosen.length === MOST) face.chosen.shift();
    const used = face.chosen.map((one) => one.hue);
    face.chosen.push({ point, hue: HUES.findIndex((_, hue) => !used.includes(hue)) });
  }
  drawChoice();
  drawPlots();
}

const regionOf = (point) => Object.keys(data.regions).find((name) => data.regions[name].includes(point)) || "";

function drawDiagram() {
  const known = face.shape.filter(Boolean);
  const box = find("diagram");
  box.textContent = "";
  if (!known.length) return;
  const [low, high] = [0, 1].map((axis) => known.map((p) => p[axis])).reduce(([a, b], list, axis) => {
    a[axis] = Math.min(...list); b[axis] = Math.max(...list); return [a, b];
  }, [[], []]);
  const unit = Math.max(high[0] - low[0], high[1] - low[1], 1e-6);
  const at = face.shape.map((p) => p && [100 * (p[0] - low[0]) / unit, 100 * (p[1] - low[1]) / unit]);
  const [width, height] = [100 * (high[0] - low[0]) / unit, 100 * (high[1] - low[1]) / unit];
  const picture = drawn("svg", { viewBox: `-5 -5 ${width + 10} ${height + 10}`, "aria-hidden": "true" });
  for (const edge of data.edges) {
    const points = edge.map((p) => at[p]).filter(Boolean).map((p) => p.join(",")).join(" ");
    picture.append(drawn("polyline", { class: "edge", points }));
  }
  const small = face.points > 120 ? 0.7 : 1.3;
  face.circles = at.map((p, point) => {
    if (!p) return null;
    const circle = drawn("circle", { cx: p[0], cy: p[1], r: small, "data-point": point });
    const name = drawn("title", {});
    name.textContent = `${point} ${regionOf(point)}`;
    circle.append(name);
    picture.append(circle);
    return circle;
  });
  picture.addEventListener("click", (event) => {
    const spot = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
    let best = null, least = 8;
    at.forEach((p, point) => {
      const away = p ? Math.hypot(p[0] - spot.x, p[1] - spot.y) : Infinity;
      if (away < least) [best, least] = [point, away];
    });
    if (best !== null) { region = regionOf(best) || region; toggle(best); }
  });
  box.append(picture);
  face.small = small;
}

function drawChoice() {
  const names = Object.keys(data.regions);
  if (region === null) region = face.chosen.length ? regionOf(face.chosen[0].point) : names[0] || "";
  const chips = find("regions"), numbers = find("numbers");
  chips.textContent = numbers.textContent = "";
  for (const name of names) {
    const button = make("button", { type: "button", "aria-pressed": String(name === region) }, name);
    button.onclick = () => { region = name; drawChoice(); };
    chips.append(button);
  }
  const points = names.length ? data.regions[region] || [] : face.shape.map((_, point) => point);
  for (const point of points) {
    const own = face.chosen.find((one) => one.point === point);
    const button = make("button", { type: "button", "data-point": String(point), "aria-pressed": String(Boolean(own)),
      "aria-label": `landmark ${point} ${regionOf(point)}` }, String(point));
    if (own) button.style.background = colour(HUES[own.hue]);
    button.onclick = () => { toggle(point); find("numbers").querySelector(`[data-point="${point}"]`)?.focus(); };
    numbers.append(button);
  }
  (face.circles || []).forEach((circle, point) => {
    if (!circle) return;
    const own = face.chosen.find((one) => one.point === point);
    circle.setAttribute("r", own ? 2.6 : face.small);
    circle.style.fill = own ? colour(HUES[own.hue]) : "";
  });
}

function chooseFace(number) {
  pause();
  face = faces[number];
  range = null;
  region = null;
  find("face").value = String(number);
  find("seek").max = String(face.frames - 1);
  now = Math.min(Math.max(now, ends()[0]), ends()[1]);
  drawDiagram();
  drawChoice();
  drawPlots();
  if (film) seek(now);
}

// Start

function withoutVideo(reason) {
  film = false;
  video.hidden = true;
  document.querySelector(".stage").classList.remove("film");
  find("novideo").hidden = !reason;
  find("novideo").textContent = reason;
  show();
}

if (data.video) {
  film = true;
  video.hidden = false;
  document.querySelector(".stage").classList.add("film");
  video.addEventListener("error", () => withoutVideo(data.video.file
    ? "The video beside this page is missing, or this browser cannot play it. The landmarks are drawn instead."
    : "This browser cannot play the video (it needs H.264). The landmarks are drawn instead."));
  for (const event of ["seeked", "timeupdate", "loadeddata"])
    video.addEventListener(event, () => {
      if (playing) return;
      if (event === "seeked" && waiting !== null) {
        const next = waiting;
        waiting = null;
        asked = next;
        video.currentTime = next;
        return;
      }
      if (event === "loadeddata") { if (now > data.start) seek(now); else show(); return; }
      if (video.seeking) return;
      if (asked !== null && Math.abs(video.currentTime - asked) < 2e-3) { drawFrame(); return; }
      asked = null;
      fromVideo();
    });
  video.addEventListener("ended", pause);
  video.src = data.video.file || URL.createObjectURL(new Blob([bytes(data.video.bytes)], { type: data.video.kind }));
  data.video.bytes = null;
}

faces.forEach((own, number) => find("face").append(make("option", { value: String(number) }, own.name)));
find("facebox").hidden = faces.length < 2;
find("face").onchange = (event) => chooseFace(Number(event.target.value));
find("back").onclick = () => move(-1);
find("ahead").onclick = () => move(1);
find("play").onclick = () => (playing ? pause() : play());
find("closer").onclick = () => closer(0.5);
find("further").onclick = () => closer(2);
find("all").onclick = () => { range = null; zoom(); };
find("seek").oninput = (event) => {
  pause();
  const number = Number(event.target.value);
  go(face.step === 1 ? face.time[number] : face.time[0] + number * step());
};
document.querySelectorAll("button.card").forEach((card) => {
  card.onclick = () => {
    if (Number(card.dataset.face) !== faces.indexOf(face)) chooseFace(Number(card.dataset.face));
    pause();
    go(Number(card.dataset.time));
    document.querySelector(".watch").scrollIntoView({ block: "start" });
  };
});
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input, select, textarea")) return;
  const keys = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), Home: () => go(ends()[0]), End: () => go(ends()[1]) };
  if (event.key === " " && event.target.matches("button")) return;
  if (event.key === " ") keys[" "] = () => (playing ? pause() : play());
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});
whenThemeChanges(() => { readColours(); drawChoice(); drawPlots(); });
addEventListener("resize", drawFrame);
readColours();
chooseFace(0);
