// Sets the theme that was chosen on this device before anything is painted. Without a choice the system decides.
try {
  const theme = localStorage.getItem('watchkeeper.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the system decides.
}
