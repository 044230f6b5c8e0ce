/** An incident in words. */

import type { Incident, MonitorStatus, TimelineEntry } from '@/api/types';
import { instant } from '@/format/instant';
import { STATUS } from '@/status/words';

export const CAUSES: Record<Incident['cause_code'], string> = {
  dns: 'Name did not resolve',
  connect: 'No connection',
  tls: 'TLS failed',
  timeout: 'Timed out',
  redirect: 'Redirects led nowhere',
  status: 'Unexpected status',
  body: 'Answer broke off',
  blocked: 'Address not permitted',
  slow: 'Too slow',
};

/** How it ended, or that it lasts. */
export function ending({ ended_at, ended_as }: Pick<Incident, 'ended_at' | 'ended_as'>): string {
  if (!ended_at) return 'Ongoing';
  return ended_as === 'PAUSED' ? 'Closed by pausing' : 'Recovered';
}

/** How the monitor stood when it ended, or stands while it lasts. */
export function standing({ ended_at, ended_as }: Pick<Incident, 'ended_at' | 'ended_as'>): MonitorStatus {
  if (!ended_at) return 'DOWN';
  return ended_as === 'PAUSED' ? 'PAUSED' : 'UP';
}

/** What happened, as a sentence. */
export function happened(entry: TimelineEntry): string {
  switch (entry.type) {
    case 'first_failure':
      return 'A check failed for the first time.';
    case 'confirmed':
      return 'The failure was confirmed: down.';
    case 'notice_owed':
      return `A notice fell due${entry.about ? `: ${STATUS[entry.about].label.toLowerCase()}` : ''}.`;
    case 'delivered':
      return `The notice was delivered${attempt(entry)}.`;
    case 'delivery_failed':
      return `The notice could not be delivered${attempt(entry)}${entry.error ? `: ${entry.error}` : ''}. ${triedAgain(entry)}`;
    case 'ended':
      return entry.ended_as === 'PAUSED'
        ? 'The monitor was paused, which closed the incident.'
        : 'It recovered.';
  }
}

const attempt = ({ attempt }: TimelineEntry): string =>
  attempt && attempt > 1 ? ` at attempt ${attempt}` : '';

const triedAgain = ({ retry_at }: TimelineEntry): string =>
  retry_at ? `It is tried again at ${instant(new Date(retry_at))}.` : 'It is not tried again.';
