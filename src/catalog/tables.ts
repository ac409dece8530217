/** The catalogue's tables as Kysely sees them: types that SQLite and PostgreSQL both have and hand back alike. */

export interface VideosTable {
  video_id: string;
  title: string | null;
  duration_seconds: number | null;
  series: string | null;
  season: number | null;
  episode: number | null;
  /** JSON array of texts. */
  tags: string;
  /** ISO 8601. */
  published_at: string | null;
  /** 0 or 1. */
  live: number;
  /** What a search looks in, in lower case. */
  search_text: string;
  /** ISO 8601 UTC with ms, so that it sorts as text. */
  created_at: string;
  updated_at: string;
}

export interface AppsTable {
  app_id: string;
  name: string | null;
  created_at: string;
}

/** Of funnels, and of rules of alerts. */
export interface DefinitionsTable {
  name: string;
  /** JSON. */
  definition: string;
  created_at: string;
  updated_at: string;
}

export interface PlansTable {
  event_name: string;
  /** '' is every app. */
  app_id: string;
  /** From 1 on, of one event and app. */
  revision: number;
  /** JSON; null: deleted. */
  definition: string | null;
  created_at: string;
  effective_at: string;
}

export interface KeysTable {
  key_id: string;
  name: string | null;
  /** The first characters of the secret, to tell keys apart by. */
  prefix: string;
  /** SHA-256 of the secret, in hex. */
  digest: string;
  /** Separated by spaces. */
  scopes: string;
  /** JSON array of texts; null: every app. */
  apps: string | null;
  created_at: string;
  rotated_at: string | null;
  revoked_at: string | null;
}

export interface AuditTable {
  audit_id: string;
  at: string;
  caller: string;
  /** As in the table of keys, of who did it. */
  apps: string | null;
  action: string;
  target: string | null;
}

export interface AlertStatesTable {
  name: string;
  app_id: string | null;
  state: string;
  since: string;
  value: number | null;
  evaluated_at: string | null;
  failure: string | null;
  /** JSON array of texts. */
  told: string;
}

export interface AlertHistoryTable {
  history_id: string;
  name: string;
  app_id: string | null;
  at: string;
  was: string;
  became: string;
  value: number | null;
  threshold: number | null;
}

export interface AlertNoticesTable {
  notice_id: string;
  history_id: string;
  name: string;
  url: string;
  body: string;
  created_at: string;
  /** Not to be sent before. */
  next_at: string;
  attempts: number;
  /** Null while it waits. */
  outcome: string | null;
  failure: string | null;
}

export interface LeasesTable {
  name: string;
  holder: string;
  until_at: string;
}

export interface IngestCountsTable {
  process_id: string;
  at: string;
  events: number;
  rejected: number;
  requests: number;
  failed: number;
}

export interface ErasuresTable {
  erasure_id: string;
  /** In clear, until it is done. */
  subject: string | null;
  digest: string;
  /** JSON array of texts; null: every app. */
  apps: string | null;
  requested_at: string;
  finished_at: string | null;
  /** Who works on it, and until when nobody else may. */
  worker: string;
  claimed_until: string;
  /** JSON. */
  progress: string;
}

export interface SecretsTable {
  name: string;
  value: string;
}

export interface CatalogTables {
  videos: VideosTable;
  apps: AppsTable;
  funnels: DefinitionsTable;
  plans: PlansTable;
  keys: KeysTable;
  audit: AuditTable;
  alerts: DefinitionsTable;
  alert_states: AlertStatesTable;
  alert_history: AlertHistoryTable;
  alert_notices: AlertNoticesTable;
  leases: LeasesTable;
  ingest_counts: IngestCountsTable;
  erasures: ErasuresTable;
  secrets: SecretsTable;
}
