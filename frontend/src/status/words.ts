/** What a status is called, how urgent it is, and how it is painted. Colour never speaks alone: see `badge.tsx`. */

import type { CheckStatus, MonitorStatus } from '@/api/types';

type Words = { label: string; text: string; fill: string; wash: string };

export const STATUS: Record<MonitorStatus, Words> = {
  DOWN: { label: 'Down', text: 'text-down', fill: 'bg-down', wash: 'bg-down-wash' },
  DEGRADED: {
    label: 'Degraded',
    text: 'text-degraded',
    fill: 'bg-degraded striped',
    wash: 'bg-degraded-wash',
  },
  UNKNOWN: { label: 'Unknown', text: 'text-unknown', fill: 'bg-unknown', wash: 'bg-unknown-wash' },
  PENDING: { label: 'Pending', text: 'text-pending', fill: 'bg-pending/50', wash: 'bg-pending-wash' },
  UP: { label: 'Up', text: 'text-up', fill: 'bg-up', wash: 'bg-up-wash' },
  MAINTENANCE: {
    label: 'Maintenance',
    text: 'text-maintenance',
    fill: 'bg-maintenance',
    wash: 'bg-maintenance-wash',
  },
  PAUSED: { label: 'Paused', text: 'text-paused', fill: 'bg-paused/50', wash: 'bg-paused-wash' },
};

/** All statuses, what needs attention first. */
export const STATUSES = Object.keys(STATUS) as MonitorStatus[];

/** What a check can find, the best first. */
export const CHECK_STATUSES = ['UP', 'DEGRADED', 'DOWN'] as const satisfies readonly CheckStatus[];

export const urgency = (status: MonitorStatus): number => STATUSES.indexOf(status);
