import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Loaded, type Question } from '@/answer/loaded';
import { type Pages, ShowMore } from '@/answer/show-more';
import type { Incident } from '@/api/types';
import { duration } from '@/format/duration';
import { secondsBetween } from '@/format/instant';
import { StatusSign } from '@/status/badge';
import { LoadingLines } from '@/ui/states';
import { Elapsed, Instant } from '@/ui/time';
import { CAUSES, ending, standing } from './words';

type IncidentListProps = {
  query: Question<Incident[]> & Pages;
  /** Names the monitor in each line, where the list is not of one monitor. */
  named?: boolean;
  empty: ReactNode;
};

/** Incidents, newest first. */
export const IncidentList = ({ query, named, empty }: IncidentListProps) => (
  <>
    <Loaded query={query} what="incidents" loading={<LoadingLines what="incidents" flush />}>
      {(incidents) =>
        incidents.length === 0 ? (
          empty
        ) : (
          <ul>
            {incidents.map((incident) => (
              <IncidentLine key={incident.id} incident={incident} named={named} />
            ))}
          </ul>
        )
      }
    </Loaded>
    <ShowMore query={query}>Show older incidents</ShowMore>
  </>
);

function IncidentLine({ incident, named }: { incident: Incident; named: boolean | undefined }) {
  const { started_at, ended_at } = incident;
  return (
    <li className="relative flex items-start gap-3 border-line border-t px-4 py-3 first:border-t-0 hover:bg-sunken/60">
      <StatusSign status={standing(incident)} className="mt-0.5 size-4" />
      <div className="min-w-0 grow">
        <p className="flex flex-wrap justify-between gap-x-4">
          <Link
            to="/incidents/$id"
            params={{ id: incident.id }}
            className="row-link font-semibold hover:text-accent"
          >
            {named ? incident.monitor_name : CAUSES[incident.cause_code]}
          </Link>
          <span className={ended_at ? 'text-soft' : 'font-medium text-down'}>
            {ending(incident)} {ended_at ? 'after ' : 'for '}
            {ended_at ? duration(secondsBetween(started_at, ended_at)) : <Elapsed since={started_at} />}
          </span>
        </p>
        <p className="text-soft first-letter:uppercase">{incident.cause}</p>
        <p className="text-soft text-xs">
          <Instant at={started_at} />
          {ended_at && (
            <>
              {' to '}
              <Instant at={ended_at} />
            </>
          )}
        </p>
      </div>
    </li>
  );
}
