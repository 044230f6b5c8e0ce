/** The windows of time over which a monitor's page looks back. */

export const WINDOWS = {
  '1h': { label: '1 h', words: 'the last hour', seconds: 3_600, step: 60 },
  '24h': { label: '24 h', words: 'the last 24 hours', seconds: 86_400, step: 900 },
  '7d': { label: '7 d', words: 'the last 7 days', seconds: 604_800, step: 7_200 },
  '30d': { label: '30 d', words: 'the last 30 days', seconds: 2_592_000, step: 28_800 },
} as const;

export type WindowName = keyof typeof WINDOWS;

export const WINDOW_NAMES = Object.keys(WINDOWS) as WindowName[];

/** A window that ends now, as the API takes it: the server's clock says when now is. */
export const windowUntilNow = (name: WindowName, now: number = Date.now()): { from: string } => ({
  from: new Date(now - WINDOWS[name].seconds * 1000).toISOString(),
});
