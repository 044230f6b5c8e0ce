/** The names under which the dashboard knows the schemas of `openapi.yaml`. */

import type { components } from '@/api/schema';

type Schemas = components['schemas'];

export type FieldError = Schemas['FieldError'];
export type ProblemDocument = Schemas['Problem'];
export type User = Schemas['User'];
export type SessionAnswer = Schemas['Session'];
export type Credentials = Schemas['Credentials'];
export type MonitorStatus = Schemas['MonitorStatus'];
export type CheckStatus = Schemas['CheckStatus'];
export type Monitor = Schemas['Monitor'];
export type RecentCheck = Schemas['CheckSummary'];
export type NewMonitor = Schemas['NewMonitor'];
export type MonitorChange = Schemas['MonitorChange'];
export type Check = Schemas['Check'];
export type UptimeOfDays = Schemas['UptimeOfDays'];
export type LatencyBucket = Schemas['LatencyBucket'];
export type StatusSpan = Schemas['StatusPeriod'];
export type SlotAccount = Schemas['SlotAccount'];
export type Gap = Schemas['Gap'];
export type Workspace = Schemas['Workspace'];
export type WorkspaceChange = Schemas['WorkspaceChange'];
export type Incident = Schemas['Incident'];
export type CheckEvent = Schemas['CheckEvent'];
export type FlipEvent = Schemas['FlipEvent'];
export type TimelineEntry = Schemas['TimelineEntry'];
