import { getRouteApi, Link } from '@tanstack/react-router';
import { api, data } from '@/api/client';
import { useTitle } from '@/app/title';
import { CredentialsForm } from '@/features/auth/credentials-form';

const route = getRouteApi('/gate/login');

export function LoginPage() {
  useTitle('Log in');
  const { next } = route.useSearch();
  return (
    <CredentialsForm
      title="Log in"
      intro="Good to have you back on watch."
      action="Log in"
      chooses="current-password"
      send={(body) => data(api.POST('/api/v1/auth/login', { body }))}
      foot={
        <>
          New here?{' '}
          <Link to="/signup" search={{ next }} className="font-medium text-accent underline">
            Sign up
          </Link>
        </>
      }
    />
  );
}
