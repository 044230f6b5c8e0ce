/**
 * The pages of who is logged in, and the shell around them, as one piece: a page that is first gone to while the server is
 * away must not be missing.
 */

export { IncidentPage } from './pages/incident';
export { IncidentsPage } from './pages/incidents';
export { MonitorPage } from './pages/monitor';
export { EditMonitorPage, NewMonitorPage } from './pages/monitor-form';
export { MonitorsPage } from './pages/monitors';
export { SettingsPage } from './pages/settings';
export { Shell } from './shell';
