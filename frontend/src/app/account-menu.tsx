import { Link } from '@tanstack/react-router';
import { useSyncExternalStore } from 'react';
import { session } from '@/api/browser';
import { problemOf } from '@/api/problem';
import { Button } from '@/ui/button';
import {
  DocumentIcon,
  LogOutIcon,
  MoonIcon,
  PersonIcon,
  SettingsIcon,
  SunIcon,
  SystemIcon,
} from '@/ui/icons';
import { Menu, MenuChoice, MenuItem, MenuLine } from '@/ui/menu';
import { note } from '@/ui/notes';
import { chooseTheme, useThemeChoice } from '@/ui/theme';

const THEMES = [
  { value: 'system', label: 'As the system', icon: <SystemIcon /> },
  { value: 'light', label: 'Light', icon: <SunIcon /> },
  { value: 'dark', label: 'Dark', icon: <MoonIcon /> },
] as const;

const logOut = () =>
  session.logOut().catch((error: unknown) => {
    const problem = problemOf(error);
    note({ tone: 'bad', title: 'You are still logged in', text: problem.detail ?? problem.title });
  });

/** Who is logged in, which theme, and the way out. */
export function AccountMenu() {
  const state = useSyncExternalStore(session.subscribe, session.state);
  const theme = useThemeChoice();
  return (
    <Menu
      trigger={
        <Button look="quiet" square aria-label="Account">
          <PersonIcon className="size-5" />
        </Button>
      }
    >
      {state.kind === 'active' && (
        <p className="wrap-anywhere max-w-64 px-2.5 pt-1.5 pb-2">
          <span className="label-caps block">Logged in as</span>
          {state.user.email}
        </p>
      )}
      <MenuLine />
      <MenuChoice label="Theme" value={theme} onChange={chooseTheme} options={THEMES} />
      <MenuLine />
      <MenuItem asChild>
        <Link to="/settings">
          <SettingsIcon />
          Settings
        </Link>
      </MenuItem>
      <MenuItem asChild>
        <a href="/docs">
          <DocumentIcon />
          API documentation
        </a>
      </MenuItem>
      <MenuItem onSelect={logOut}>
        <LogOutIcon />
        Log out
      </MenuItem>
    </Menu>
  );
}
