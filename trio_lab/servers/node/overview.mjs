// What `/` tells: a line for each route, which is JSON that people read.
//
// A route's parameters are numbers ([low, high, default]) or words (the first is the default). A handler can read no others.
const isNumber = ([first]) => typeof first === "number";

function entry([path, { about, parameters = {} }]) {
  const named = Object.entries(parameters);
  const defaults = named.map(([name, of]) => [name, isNumber(of) ? of[2] : of[0]]);
  const bounds = named.map(([name, of]) => `${name}: ${isNumber(of) ? `${of[0]} to ${of[1]}` : of.join(" or ")}.`);
  const query = new URLSearchParams(defaults).toString();
  return [`GET ${path}${query && `?${query}`}`, [about, ...bounds].join(" ")];
}

export function overview(routes, profile) {
  const entries = Object.fromEntries(Object.entries(routes).map(entry));
  return `${JSON.stringify({ runtime: "node", profile, routes: entries }, null, 2)}\n`;
}
