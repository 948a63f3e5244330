import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import Handlebars from 'handlebars';

type Templates = Map<string, Handlebars.TemplateDelegate>;
type Rendered = (error: unknown, html?: string) => void;

/**
 * `strict`: a name the model does not have is an error, not an empty place on the page. `knownHelpersOnly`: a
 * template calls what stands here and nothing a model brings along. `preventIndent`: a value of several lines is
 * printed as it is.
 */
const COMPILE_OPTIONS: CompileOptions = {
  strict: true,
  knownHelpersOnly: true,
  knownHelpers: { initial: true },
  preventIndent: true,
};

/** `{{constructor}}` and inherited getters print nothing. Handlebars' own default, said aloud because `hbs` turns it off. */
const OWN_PROPERTIES_ONLY = { allowProtoMethodsByDefault: false, allowProtoPropertiesByDefault: false };

/**
 * Turns a view and its model into a page: Express's view engine, `app.engine('hbs', viewEngine(folder, …))`.
 *
 * Ours, because the packaged ones take `layout`, `partials` and `helpers` from the model, where request data can
 * arrive (GHSA-7f5c-rpf4-86p8), or open prototypes. Here the model is only ever looked things up in. With `cache`
 * every template is read once, at the start; without it before each page, so that an edit shows on reload.
 */
export function viewEngine(viewsFolder: string, options: { cache: boolean }) {
  const readAtStart = options.cache ? readTemplates(viewsFolder) : undefined;

  return (path: string, model: object, done: Rendered): void => {
    let html: string;
    try {
      const view = relative(viewsFolder, path).replaceAll(sep, '/');
      html = renderPage(readAtStart ?? readTemplates(viewsFolder), view, model);
    } catch (error) {
      done(error);
      return;
    }
    done(null, html);
  };
}

function renderPage(templates: Templates, view: string, model: object): string {
  const template = templates.get(view);
  // The stand-in must never be taken for our own pages, so its folder decides how it looks.
  const layoutName = view.startsWith('stand-in/') ? 'layouts/stand-in.hbs' : 'layouts/main.hbs';
  const layout = templates.get(layoutName);
  if (!template) throw new Error(`There is no view "${view}".`);
  if (!layout) throw new Error(`There is no layout "${layoutName}".`);

  const body = template(model, OWN_PROPERTIES_ONLY);
  return layout({ ...model, body }, OWN_PROPERTIES_ONLY);
}

/** Every template of the folder by its path inside it. The instance is our own: nobody else's helpers or partials. */
function readTemplates(viewsFolder: string): Templates {
  const handlebars = Handlebars.create();
  handlebars.registerHelper('initial', (label: unknown) => Array.from(String(label))[0]?.toUpperCase() ?? '');

  const templates: Templates = new Map();
  for (const file of readdirSync(viewsFolder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.hbs')) continue;
    const name = file.replaceAll(sep, '/');
    const template = handlebars.compile(readFileSync(join(viewsFolder, file), 'utf8'), COMPILE_OPTIONS);
    const partial = /^partials\/(.+)\.hbs$/.exec(name)?.[1];
    if (partial) handlebars.registerPartial(partial, template);
    else templates.set(name, template);
  }
  return templates;
}
