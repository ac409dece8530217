import type { Report } from '../../data/types.ts';

/** What all campaigns of a report add up to: a session belongs to one of them. */
export interface CampaignSums {
  sessions: number;
  page_views: number;
  conversions: number;
  /** 0 to 1; null without sessions. */
  bounce_rate: number | null;
  conversion_rate: number | null;
}

const amount = (value: unknown) => (typeof value === 'number' ? value : 0);

export function sumCampaigns({ rows }: Pick<Report, 'rows'>): CampaignSums {
  const sums = { sessions: 0, page_views: 0, conversions: 0, bounced: 0, converted: 0 };
  for (const row of rows) {
    const sessions = amount(row.sessions);
    sums.sessions += sessions;
    sums.page_views += amount(row.page_views);
    sums.conversions += amount(row.conversions);
    sums.bounced += sessions * amount(row.bounce_rate);
    sums.converted += sessions * amount(row.conversion_rate);
  }
  const rate = (part: number) => (sums.sessions === 0 ? null : part / sums.sessions);
  const { sessions, page_views, conversions } = sums;
  return {
    sessions,
    page_views,
    conversions,
    bounce_rate: rate(sums.bounced),
    conversion_rate: rate(sums.converted),
  };
}

export const PARTS = ['utm_source', 'utm_medium', 'utm_campaign'] as const;
export type Part = (typeof PARTS)[number];

/** Sessions by one part of their campaign, most first. */
export function sessionsBy(
  { rows }: Pick<Report, 'rows'>,
  part: Part,
): { value: string; sessions: number }[] {
  const by = new Map<string, number>();
  for (const row of rows) {
    const value = String(row[part] ?? '');
    by.set(value, (by.get(value) ?? 0) + amount(row.sessions));
  }
  return [...by]
    .map(([value, sessions]) => ({ value, sessions }))
    .sort((a, b) => b.sessions - a.sessions || (a.value < b.value ? -1 : 1));
}
