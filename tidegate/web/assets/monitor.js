/* Everything works without this file but charts, live updates and the toggle of the theme. */
(() => {
  "use strict";
  const root = document.documentElement;
  const remembered = () => { try { return localStorage.getItem("tidegate-theme"); } catch { return null; } };
  if (remembered()) root.dataset.theme = remembered();

  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const plots = new Map();

  function flags(marks) {
    return { hooks: { draw: [(u) => {
      const { ctx, bbox } = u, ratio = devicePixelRatio;
      ctx.save();
      ctx.font = `600 ${10 * ratio}px system-ui, sans-serif`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      for (const { x, first, last, tone } of gathered(u, marks, 16 * ratio)) {
        ctx.strokeStyle = ctx.fillStyle = colour("--" + tone);
        ctx.globalAlpha = 0.55;
        ctx.setLineDash([3 * ratio, 3 * ratio]);
        ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
        ctx.globalAlpha = 1;
        const text = first === last ? `${first}` : `${first}–${last}`, wide = ctx.measureText(text).width + 7 * ratio;
        ctx.fillRect(x - wide / 2, bbox.top - 13 * ratio, wide, 12 * ratio);
        ctx.fillStyle = colour("--panel");
        ctx.fillText(text, x, bbox.top - 6.5 * ratio);
      }
      ctx.restore();
    }] } };
  }

  /* Marks that would lie on one another share a flag, in the gravest of their tones. */
  function gathered(u, marks, near) {
    const found = [], gravest = ["bad", "warn", "info", "ok"];
    for (const mark of marks) {
      const x = Math.round(u.valToPos(mark.at, "x", true)), before = found.at(-1);
      if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
      if (before && x - before.x < near) {
        before.last = mark.number;
        if (gravest.indexOf(mark.tone) < gravest.indexOf(before.tone)) before.tone = mark.tone;
      } else found.push({ x, first: mark.number, last: mark.number, tone: mark.tone });
    }
    return found;
  }

  function draw(place) {
    const told = place.dataset.chart;
    const before = plots.get(place);
    if (before && before.told === told && before.dark === isDark()) return;
    if (before) before.plot.destroy();
    const data = JSON.parse(told), muted = colour("--muted"), line = colour("--line");
    const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const plot = new uPlot({
      width: place.clientWidth, height: 180, padding: [14, 18, 0, 0], plugins: [flags(data.marks)],
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { y: { range: (_, _low, high) => [data.low, data.top || Math.max(10, high * 1.08)] } },
      axes: [{ ...axis, space: 80, size: 26, values: days }, { ...axis, size: 46, space: 32 }],
      series: [{ label: "time", value: "{DD} {MMM} {HH}:{mm}" }, ...data.lines.map((one) => ({
        label: one.label, stroke: colour("--" + one.tone), width: 1.6, points: { show: false },
        fill: one.tone === "ok" ? `color-mix(in srgb, ${colour("--ok")} 12%, transparent)` : undefined,
        value: (_, v) => v == null ? "–" : v.toLocaleString("en"),
      }))],
      hooks: { setLegend: [(u) => { if (u.legend.idx == null) u.setLegend({ idx: data.times.length - 1 }, false); }] },
    }, [data.times, ...data.lines.map((one) => one.values)], place);
    plot.setLegend({ idx: data.times.length - 1 });
    plots.set(place, { plot, told, dark: isDark() });
  }

  function days(_u, splits) {
    const day = uPlot.fmtDate("{D} {MMM}"), hour = uPlot.fmtDate("{HH}:{mm}");
    return splits.map((at) => { const d = new Date(at * 1000); return d.getHours() || d.getMinutes() ? hour(d) : day(d); });
  }

  function drawAll() {
    for (const place of plots.keys()) if (!place.isConnected) { plots.get(place).plot.destroy(); plots.delete(place); }
    document.querySelectorAll("[data-chart]").forEach(draw);
  }

  function theme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("tidegate-theme", root.dataset.theme); } catch { /* then it lasts for this page */ }
    drawAll();
  }

  function openAct(link, event) {
    if (!window.htmx || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    htmx.ajax("GET", link.getAttribute("href"), { target: "#act-form", select: "#act-page", swap: "innerHTML" });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const toggle = document.querySelector("[data-theme-toggle]");
    toggle.hidden = false;
    toggle.addEventListener("click", theme);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

    const login = document.querySelector("[data-login]");
    if (login && location.hash.length > 1) {
      login.elements.token.value = decodeURIComponent(location.hash.slice(1));
      history.replaceState(null, "", location.pathname + location.search);
      login.requestSubmit();
    }
    if (window.uPlot) {
      drawAll();
      addEventListener("resize", () => plots.forEach(({ plot }, place) => plot.setSize({ width: place.clientWidth, height: 180 })));
    }
    const dialog = document.getElementById("act"), pulse = document.querySelector("[data-pulse]");
    if (!dialog) return;

    const say = (on) => { pulse.hidden = false; pulse.classList.toggle("on", on); pulse.textContent = on ? "live" : "waits"; };
    document.body.addEventListener("htmx:sse:after:connection", () => say(true));
    document.body.addEventListener("htmx:sse:error", () => say(false));
    document.body.addEventListener("signed-out", () => location.reload());
    document.body.addEventListener("htmx:after:swap", () => {
      drawAll();
      const plan = document.querySelector("#act-page .plan");
      if (plan) plan.focus();
      if (document.querySelector("#act-form #act-page") && !dialog.open) {
        dialog.showModal();
        (dialog.querySelector("input:not([type=hidden]), textarea") || dialog).focus();
      }
    });
    dialog.addEventListener("close", () => { document.getElementById("act-form").replaceChildren(); });
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && link.matches("dialog [data-close]")) { event.preventDefault(); link.closest("dialog").close(); }
    else if (link && link.matches(".acts a.act")) openAct(link, event);
  });

  document.addEventListener("keydown", (event) => {
    const filter = document.querySelector("[data-filter]");
    if (event.key !== "/" || !filter || event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    filter.focus();
    filter.select();
  });
})();
