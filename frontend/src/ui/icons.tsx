/** The few signs that the dashboard draws. They say nothing alone: beside each stands a word, seen or read aloud. */

import type { ReactNode, SVGProps } from 'react';

type IconProps = Omit<SVGProps<SVGSVGElement>, 'children'>;

const Drawn = ({ className = 'size-4', ...rest }: SVGProps<SVGSVGElement>) => (
  <svg
    viewBox="0 0 16 16"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.6"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
    className={`shrink-0 ${className}`}
    {...rest}
  />
);

const stroke = (paths: ReactNode) => (props: IconProps) => <Drawn {...props}>{paths}</Drawn>;

export const PlusIcon = stroke(<path d="M8 3v10M3 8h10" />);
export const SearchIcon = stroke(<path d="M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9Zm3.3-1.2L13.5 13.5" />);
export const MoreIcon = stroke(<path d="M3.5 8h.01M8 8h.01M12.5 8h.01" strokeWidth="2.4" />);
export const CloseIcon = stroke(<path d="m4 4 8 8m0-8-8 8" />);
export const OutIcon = stroke(
  <path d="M9.5 2.5h4v4m0-4L7.5 8.5M11.5 9.5v3a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3" />,
);
export const PauseIcon = stroke(<path d="M5.5 3.5v9m5-9v9" />);
export const PlayIcon = stroke(<path d="M5 3.2v9.6L12.5 8 5 3.2Z" />);
export const EditIcon = stroke(<path d="M2.5 13.5h3l8-8-3-3-8 8v3Z" />);
export const DeleteIcon = stroke(<path d="M2.5 4.5h11m-7-2h3m-5.5 2 .6 9h5.8l.6-9M6.7 7v4m2.6-4v4" />);
export const RefreshIcon = stroke(<path d="M13.2 6.5A5.5 5.5 0 1 0 13.5 9m0-6v3.5H10" />);
export const BackIcon = stroke(<path d="M9.5 3.5 5 8l4.5 4.5" />);
export const SunIcon = stroke(
  <path d="M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.5v1m0 11v1m6.5-6.5h-1m-11 0h-1m11.1-4.6-.7.7m-7.8 7.8-.7.7m9.2 0-.7-.7M4.1 4.1l-.7-.7" />,
);
export const MoonIcon = stroke(<path d="M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z" />);
export const SystemIcon = stroke(<path d="M2.5 3.5h11v7h-11v-7Zm3.5 10h4m-2-3v3" />);
export const SettingsIcon = stroke(
  <path d="M2.5 4.5h6m3 0h2m-11 7h2m3 0h6M10 6.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4Zm-4 7a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4Z" />,
);
export const LogOutIcon = stroke(
  <path d="M6.5 2.5h-3a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h3m4-8.5L13.5 8l-3 3m3-3H6.5" />,
);
export const CheckIcon = stroke(<path d="m3.5 8.5 3 3 6-7" />);
export const PersonIcon = stroke(
  <path d="M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8Zm-5 5.6c.5-2.4 2.5-3.6 5-3.6s4.5 1.2 5 3.6" />,
);
export const WarnIcon = stroke(<path d="M8 2.5 14.5 13.5h-13L8 2.5Zm0 4v3.2m0 1.9v.01" />);
export const DocumentIcon = stroke(
  <path d="M9.5 2.5h-5a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h7a1 1 0 0 0 1-1v-7l-3-3Zm0 0v3h3M6 8.5h4M6 11h4" />,
);
