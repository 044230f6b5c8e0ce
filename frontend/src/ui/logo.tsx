/** The mark: a lighthouse whose lamp sweeps over the water. */
export function Lighthouse({ className = 'size-8' }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className={`shrink-0 ${className}`}>
      <rect width="32" height="32" rx="7" fill="#10233f" />
      <path d="M18 10.4 30 5v11.6z" fill="#f5b83d" opacity=".85" />
      <path d="M14 10.4 2 5v11.6z" fill="#f5b83d" opacity=".35" />
      <path d="m13.1 14.5-1.9 12.9h9.6l-1.9-12.9z" fill="#f4f7fb" />
      <path d="m12.5 18.6-.5 3.4h8l-.5-3.4z" fill="#2f6fdb" />
      <path d="M12.3 8.6h7.4v4.6h-7.4z" fill="#f5b83d" />
      <path d="M11.3 13h9.4v1.9h-9.4zM16 4l4.6 4.6h-9.2z" fill="#f4f7fb" />
    </svg>
  );
}
