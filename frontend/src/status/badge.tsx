import clsx from 'clsx';
import type { ReactNode } from 'react';
import type { MonitorStatus } from '@/api/types';
import { STATUS } from '@/status/words';

/** One shape for each status, so that it can be told without its colour. */
const SHAPES: Record<MonitorStatus, ReactNode> = {
  UP: (
    <path d="M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Zm3.6 4.9-1.2-1.1-3.3 3.7-1.6-1.6-1.1 1.2 2.8 2.7 4.4-4.9Z" />
  ),
  DEGRADED: <path d="M8 1.2 15.4 14.4H.6L8 1.2Zm-.9 4.9v4h1.8v-4H7.1Zm0 5.2v1.7h1.8v-1.7H7.1Z" />,
  DOWN: (
    <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5l4-4Zm.3 3L4 5.3 6.7 8 4 10.7 5.3 12 8 9.3l2.7 2.7 1.3-1.3L9.3 8 12 5.3 10.7 4 8 6.7 5.3 4Z" />
  ),
  PENDING: (
    <path d="M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Zm0 1.8a5.2 5.2 0 1 0 0 10.4A5.2 5.2 0 0 0 8 2.8Zm.9 1.4v3.4l2.2 2.2-1.2 1.2L7.1 8.4V4.2h1.8Z" />
  ),
  PAUSED: <path d="M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1ZM5.2 4.8v6.4h1.9V4.8H5.2Zm3.7 0v6.4h1.9V4.8H8.9Z" />,
  MAINTENANCE: <path d="M8 .6 15.4 8 8 15.4.6 8 8 .6ZM4.8 7.1v1.8h6.4V7.1H4.8Z" />,
  UNKNOWN: (
    <path d="M2.5 1h11A1.5 1.5 0 0 1 15 2.5v11a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 1 13.5v-11A1.5 1.5 0 0 1 2.5 1ZM8 3.3c-1.7 0-2.8 1-2.9 2.5h1.8c0-.6.4-1 1.1-1 .6 0 1 .3 1 .9 0 1.1-1.9 1.2-1.9 3.3h1.7c0-1.4 2.1-1.6 2.1-3.5 0-1.3-1.1-2.2-2.9-2.2Zm-.9 7.3v1.9h1.9v-1.9H7.1Z" />
  ),
};

export const StatusSign = ({
  status,
  className = 'size-4',
}: {
  status: MonitorStatus;
  className?: string;
}) => (
  <svg
    viewBox="0 0 16 16"
    fill="currentColor"
    fillRule="evenodd"
    aria-hidden="true"
    className={clsx('shrink-0', STATUS[status].text, className)}
  >
    {SHAPES[status]}
  </svg>
);

/** A status as sign and word. */
export const StatusBadge = ({ status }: { status: MonitorStatus }) => (
  <span
    className={clsx(
      'inline-flex h-6 items-center gap-1.5 whitespace-nowrap rounded-full pr-2.5 pl-1 font-medium text-xs',
      STATUS[status].wash,
      STATUS[status].text,
    )}
  >
    <StatusSign status={status} />
    {STATUS[status].label}
  </span>
);
