// Times in the browser's own zone, unless one was chosen in the settings, and how long ago they were.
const root = document.documentElement;
const own = root.hasAttribute('data-zone-open');
const zone = own ? Intl.DateTimeFormat().resolvedOptions().timeZone : root.dataset.zone;
const options = { timeZone: zone, hourCycle: 'h23', hour: '2-digit', minute: '2-digit' };
const date = new Intl.DateTimeFormat('en-GB', { ...options, day: 'numeric', month: 'short', year: 'numeric' });
const ago = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

for (const element of document.querySelectorAll('time[datetime]')) {
  const time = new Date(element.dateTime);
  if (isNaN(time)) continue;
  // A clock alone stands under the name of its day, which is of the server's zone.
  if (own && element.dataset.clock === undefined) element.textContent = date.format(time);
  const seconds = (time - Date.now()) / 1000;
  const [unit, length] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units[3];
  element.title = ago.format(Math.trunc(seconds / length), unit);
}
if (own) for (const name of document.querySelectorAll('[data-zone-name]')) name.textContent = zone;
