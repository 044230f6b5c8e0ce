import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Incident } from '@/api/types';
import { duration } from '@/format/duration';
import { secondsBetween } from '@/format/instant';
import { StatusBadge } from '@/status/badge';
import { Panel } from '@/ui/panel';
import { Elapsed, Instant } from '@/ui/time';
import { Timeline } from './timeline';
import { CAUSES, ending, standing } from './words';

/** An incident: what, since when, why, what was seen, and what happened in its course. */
export function IncidentDetails({ incident }: { incident: Incident }) {
  const { started_at, confirmed_at, ended_at } = incident;
  return (
    <div className="grid gap-5">
      <header className="grid gap-2">
        <h1 className="font-semibold text-2xl tracking-tight">
          {incident.monitor_name}: {CAUSES[incident.cause_code].toLowerCase()}
        </h1>
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <StatusBadge status={standing(incident)} />
          <span>
            {ending(incident)} {ended_at ? 'after ' : 'for '}
            {ended_at ? duration(secondsBetween(started_at, ended_at)) : <Elapsed since={started_at} />}
          </span>
          <Link
            to="/monitors/$id"
            params={{ id: incident.monitor_id }}
            className="text-accent hover:underline"
          >
            Show the monitor
          </Link>
        </p>
      </header>
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <Panel title="Cause">
          <dl className="grid gap-3">
            <Fact label="Why">
              <span className="block first-letter:uppercase">{incident.cause}</span>
            </Fact>
            <Fact label="Asked">
              <span title={incident.target_url} className="line-clamp-3">
                {incident.target_url}
              </span>
            </Fact>
            <Fact label="Began">
              <Instant at={started_at} />
            </Fact>
            <Fact label="Confirmed">
              <Instant at={confirmed_at} /> ({duration(secondsBetween(started_at, confirmed_at))} later)
            </Fact>
            {ended_at && (
              <Fact label="Ended">
                <Instant at={ended_at} />
              </Fact>
            )}
          </dl>
        </Panel>
        <Panel title="Timeline">
          <Timeline events={incident.timeline ?? []} />
        </Panel>
        <EvidencePanel evidence={incident.evidence} />
      </div>
    </div>
  );
}

const Fact = ({ label, children }: { label: string; children: ReactNode }) => (
  <div className="grid gap-0.5 sm:grid-cols-[7rem_1fr]">
    <dt className="text-soft">{label}</dt>
    <dd className="wrap-anywhere">{children}</dd>
  </div>
);

/** What the confirming check saw. */
function EvidencePanel({ evidence }: { evidence: Incident['evidence'] }) {
  if (!evidence) return null;
  const box =
    'wrap-anywhere max-h-72 overflow-auto whitespace-pre-wrap rounded-lg bg-sunken p-3 font-mono text-xs';
  return (
    <Panel title="Evidence" className="lg:col-span-2">
      <dl className="grid gap-3">
        {evidence.remote_address && <Fact label="Address">{evidence.remote_address}</Fact>}
        {evidence.hops.length > 0 && (
          <Fact label="Visited">
            <ol>
              {evidence.hops.map((hop, place) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a redirect may visit an address twice; the order is fixed.
                <li key={place}>{hop}</li>
              ))}
            </ol>
          </Fact>
        )}
      </dl>
      {evidence.headers.length > 0 && (
        <>
          <h3 className="label-caps mt-4 mb-1.5">Headers</h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard. */}
          <pre tabIndex={0} className={box}>
            {evidence.headers.map(({ name, value }) => `${name}: ${value}`).join('\n')}
          </pre>
        </>
      )}
      {evidence.body && (
        <>
          <h3 className="label-caps mt-4 mb-1.5">Beginning of the body</h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard. */}
          <pre tabIndex={0} className={box}>
            {evidence.body}
          </pre>
        </>
      )}
    </Panel>
  );
}
