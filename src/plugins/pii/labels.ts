/** What stands before a value and says what it is, where the value alone does not. */

const between = `[\\s"'_:=#.()\\[\\]*|-]{0,8}`;
const filler = `(?:(?:is|are|was|of|on|ist|am|number|numbers|no|nos|nr|num|id|code|card)${between}){0,3}`;
const before = (words: string): RegExp => new RegExp(`(?<![a-z])(?:${words})${between}${filler}$`, 'i');

const words = {
  ssn: 'ssn|social[ _-]?security',
  bsn: 'bsn|burgerservicenummer|sofi-?nummer',
  national_id:
    'bsn|burgerservicenummer|sofi-?nummer|national[ _-]?(?:id|identity|insurance|identification)|identity|personal[ _-]?(?:id|code|number)|steuer[ _-]?(?:id|nummer)|steuer-?identifikationsnummer|tax[ _-]?(?:id|payer|file|identification)|tin|pesel|cpf|nhs|sin|social[ _-]?insurance|tfn|aadhaar|aadhar|uidai|personnummer|ahv|avs|nir|rijksregisternummer|insee|said',
  phone:
    'phone|telephone|tel|mobile|cell|cellphone|fax|whatsapp|sms|call|handy|telefon|t[ée]l[ée]phone|mobil|portable',
  passport: 'passport|passnummer|reisepass|passeport|pasaporte',
  driver_license:
    "driver'?s?[ _-]?licen[cs]e|driving[ _-]?licen[cs]e|d\\.?l\\.?|f[üu]hrerschein|permis de conduire",
  bank_account: 'account|acct|a/c|konto|kontonummer|bank[ _-]?account|routing|sort[ _-]?code|iban',
  medical_record: 'mrn|medical[ _-]?record|patient|health[ _-]?record',
  date_of_birth:
    'd\\.?o\\.?b\\.?|date[ _-]?of[ _-]?birth|birth[ _-]?date|birth[ _-]?day|born|geboren|geb\\.?|geburtsdatum|date de naissance|n[ée]e? le|fecha de nacimiento',
} as const;
export type Labelled = keyof typeof words;

const expressions = Object.fromEntries(
  Object.entries(words).map(([kind, list]) => [kind, before(list)]),
) as Record<Labelled, RegExp>;
const any = new RegExp(Object.values(words).join('|'), 'i');

/** So far before a value its label may begin. */
const reach = 48;

/** Labels of one text, the name of the field before it. */
export class Labels {
  readonly #text: string;
  readonly #name: string;
  #some: boolean | undefined;

  constructor(text: string, name: string | undefined) {
    this.#text = text;
    this.#name = name === undefined ? '' : `${name.slice(0, 100).replace(/([a-z])([A-Z])/g, '$1 $2')}: `;
  }

  /** Whether there is a label of any kind. */
  get some(): boolean {
    this.#some ??= any.test(this.#name) || any.test(this.#text);
    return this.#some;
  }

  /** What stands before a value. */
  before(start: number): string {
    const name = start < reach ? this.#name : '';
    return name + this.#text.slice(Math.max(0, start - reach), start);
  }

  static says(kind: Labelled, before: string): boolean {
    return expressions[kind].test(before);
  }
}
