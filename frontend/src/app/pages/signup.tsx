import { getRouteApi, Link } from '@tanstack/react-router';
import { api, data } from '@/api/client';
import { useTitle } from '@/app/title';
import { CredentialsForm } from '@/features/auth/credentials-form';

const route = getRouteApi('/gate/signup');

export function SignupPage() {
  useTitle('Sign up');
  const { next } = route.useSearch();
  return (
    <CredentialsForm
      title="Sign up"
      intro="An account, then a URL: that is all it takes."
      action="Sign up"
      chooses="new-password"
      passwordHint="At least 8 characters, and not one that is easily guessed."
      send={(body) => data(api.POST('/api/v1/auth/signup', { body }))}
      foot={
        <>
          Already on board?{' '}
          <Link to="/login" search={{ next }} className="font-medium text-accent underline">
            Log in
          </Link>
        </>
      }
    />
  );
}
