import { useCallback } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { LatencyBucket } from '@/api/types';
import { latency } from '@/format/duration';
import { useTheme } from '@/ui/theme';
import { PERCENTILES, seriesOf, stretchName } from './latency-series';
import { latencyTick, timeTicks } from './latency-ticks';

const HEIGHT = 240;

type ChartProps = { from: string; to: string; step: number; buckets: readonly LatencyBucket[] };

/** The percentiles over time. It is a picture: the same numbers stand in the table below it. */
export function LatencyChart({ from, to, step, buckets }: ChartProps) {
  const theme = useTheme();
  const mount = useCallback(
    (frame: HTMLDivElement) => {
      frame.dataset.painted = theme;
      const chart = new uPlot(options(frame, from, to, step), seriesOf(buckets, step), frame);
      const observer = new ResizeObserver(() => chart.setSize({ width: frame.clientWidth, height: HEIGHT }));
      observer.observe(frame);
      return () => {
        observer.disconnect();
        chart.destroy();
      };
    },
    [from, to, step, buckets, theme],
  );
  return <div aria-hidden="true" className="relative h-60" ref={mount} />;
}

const seconds = (at: string): number => new Date(at).getTime() / 1000;

/** A token's colour as the canvas understands it, in the theme that is shown. */
function colour(frame: HTMLElement, token: string): string {
  frame.style.color = `var(--color-${token})`;
  const { color } = getComputedStyle(frame);
  frame.style.color = '';
  return color;
}

function options(frame: HTMLElement, from: string, to: string, step: number): uPlot.Options {
  const line = colour(frame, 'line');
  const axis: uPlot.Axis = {
    stroke: colour(frame, 'soft'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
  };
  return {
    width: frame.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false },
    scales: {
      x: { range: [seconds(from), seconds(to)] },
      y: { range: (_, __, most) => [0, Math.max(most ?? 0, 0.001) * 1.1] },
    },
    axes: [
      {
        ...axis,
        space: 64,
        size: 32,
        values: (_, ticks, __, ___, gap) => timeTicks(ticks, gap),
      },
      { ...axis, size: 64, values: (_, ticks) => ticks.map(latencyTick) },
    ],
    series: [
      {},
      ...PERCENTILES.map(({ label, token, width, dash }) => ({
        label,
        width,
        dash: [...dash],
        stroke: colour(frame, token),
      })),
    ],
    plugins: [readout(step)],
  };
}

/** Says the numbers under the pointer, and of when they are. */
function readout(step: number): uPlot.Plugin {
  const box = document.createElement('p');
  box.className =
    'panel pointer-events-none absolute top-1 z-10 hidden whitespace-pre bg-raised px-2.5 py-1.5 text-xs shadow-float';
  return {
    hooks: {
      init: (chart) => void chart.over.append(box),
      setCursor: (chart) => {
        const { idx, left = 0 } = chart.cursor;
        const at = typeof idx === 'number' ? chart.data[0][idx] : undefined;
        box.classList.toggle('hidden', typeof idx !== 'number' || at === undefined || left < 0);
        if (typeof idx !== 'number' || at === undefined) return;
        const lines = PERCENTILES.map(({ label }, place) => {
          const ms = chart.data[place + 1]?.[idx];
          return `${label}  ${typeof ms === 'number' ? latency(ms) : '–'}`;
        });
        box.textContent = [stretchName(new Date(at * 1000), step), ...lines].join('\n');
        const isRight = left > chart.over.clientWidth / 2;
        box.style.left = isRight ? '' : `${left + 12}px`;
        box.style.right = isRight ? `${chart.over.clientWidth - left + 12}px` : '';
      },
    },
  };
}
