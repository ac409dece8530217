const PATHS = {
  now: 'M3 12h4l3-8 4 16 3-8h4',
  overview: 'M4 20V10M10 20V4M16 20v-8M21 20H3',
  videos:
    'M3 6.500a1.500 1.500 0 0 1 1.500-1.500h15A1.500 1.500 0 0 1 21 6.500v11a1.500 1.500 0 0 1-1.500 1.500h-15A1.500 1.500 0 0 1 3 17.500zM10 9.200v5.600l4.800-2.800z',
  events: 'M8 6h13M8 12h13M8 18h13M3.500 6h.01M3.500 12h.01M3.500 18h.01',
  pipeline: 'M3 6h5v5H3zM16 13h5v5h-5zM8 8.500h4a2 2 0 0 1 2 2v3a2 2 0 0 0 2 2',
  sessions: 'M12 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M5 20a7 7 0 0 1 14 0',
  funnels: 'M4 5h16l-6 7v7l-4-2v-5z',
  reports: 'M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h7',
  sql: 'M4 5h16v14H4zM7.500 9.500l3 2.500-3 2.500M13 15h4',
  retention: 'M4 5h16M4 5v14M8 9h12M8 13h8M8 17h4',
  key: 'M8 17a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9M12 11l8.500-6.500M17 7l2.500 3',
  leave: 'M14 4H5v16h9M10 12h11M17 8l4 4-4 4',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14M20.500 20.500 16 16',
  sun: 'M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9M12 2v2M12 20v2M4.900 4.900l1.400 1.400M17.700 17.700l1.400 1.400M2 12h2M20 12h2M4.900 19.100l1.400-1.400M17.700 6.300l1.400-1.400',
  moon: 'M20 14.500A8.500 8.500 0 1 1 9.500 4a7 7 0 0 0 10.500 10.500z',
  chevron: 'm6 9 6 6 6-6',
  close: 'M6 6l12 12M18 6 6 18',
  check: 'm5 12.500 4.500 4.500L19 7.500',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  calendar: 'M4 6h16v14H4zM4 10h16M8 3v4M16 3v4',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 5v14l12-7z',
  table: 'M4 5h16v14H4zM4 10h16M4 14.500h16M10 5v14',
  refresh: 'M20 11a8 8 0 1 0-2.300 6.300M20 5v6h-6',
  back: 'M15 6l-6 6 6 6',
  alert: 'M12 4 2.500 20h19zM12 10v4.500M12 17.200h.01',
  bell: 'M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 1.500h-15zM10 20.500h4',
  download: 'M12 4v11M7 10.500l5 5 5-5M4 20h16',
  arrow: 'M5 12h14M13 6l6 6-6 6',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  const bold = name === 'more' || name === 'events';
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width={bold ? 2.2 : 1.8}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Mark() {
  return (
    <svg class="brand-mark" width="24" height="24" viewBox="0 0 24 24" aria-hidden="true">
      <rect width="24" height="24" rx="6" fill="var(--brand)" />
      <g fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round">
        <path d="M7 5v6M12 5v6M17 5v6" />
        <path d="M5 15.200c1.200-1 2.300-1 3.500 0s2.300 1 3.500 0 2.300-1 3.500 0 2.300 1 3.500 0" />
        <path
          d="M5 19c1.200-1 2.300-1 3.500 0s2.300 1 3.500 0 2.300-1 3.500 0 2.300 1 3.500 0"
          opacity=".55"
        />
      </g>
    </svg>
  );
}
