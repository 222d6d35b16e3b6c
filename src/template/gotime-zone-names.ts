/**
 * Abbreviations of time zones, which Intl does not give ("CEST", "IST"): from tzdata 2025c (public domain) as Go 1.26
 * embeds it, in use since 1970. One line per set: eras separated by `;`, each a list of abbreviation and offset in
 * minutes, ending with `<` and the Unix second at which the next era begins; then the zones. An offset that is not in
 * its era has no letters: Go prints `+0530`.
 */
const TABLE = `
<38775600;PKT+300,PKST+360 Asia/Karachi
<575416800;MSK+180,MSD+240<670374000;<701820000;MSK+180,MSD+240<1301180400;MSK+180,MSK+240<1540681200;MSK+180 Europe/Volgograd
<606866400;MSK+180,MSD+240<670374000;<701820000;MSK+180,MSD+240<1301180400;MSK+180,MSK+240 Europe/Kirov
<725421600;WET+0,WEST+60<740278800; Atlantic/Azores
ACST+570 Australia/Darwin Australia/North
ACST+570,ACDT+630 Australia/Adelaide Australia/Broken_Hill Australia/South Australia/Yancowinna
AEST+600 Australia/LHI Australia/Lord_Howe
AEST+600,AEDT+660 Antarctica/Macquarie Australia/ACT Australia/Brisbane Australia/Canberra Australia/Currie Australia/Hobart Australia/Lindeman Australia/Melbourne Australia/NSW Australia/Queensland Australia/Sydney Australia/Tasmania Australia/Victoria
AHST-600,AHDT-540<436359600;YST-540<439030800;AKST-540,AKDT-480 America/Anchorage US/Alaska
AKST-540,PST-480,PDT-420<1457866800;AKST-540,AKDT-480<1541325600;AKST-540,PST-480<1552215600;AKST-540,AKDT-480 America/Metlakatla
AST-240 America/Anguilla America/Antigua America/Aruba America/Blanc-Sablon America/Curacao America/Dominica America/Grenada America/Guadeloupe America/Kralendijk America/Lower_Princes America/Marigot America/Miquelon America/Montserrat America/Port_of_Spain America/Puerto_Rico America/St_Barthelemy America/St_Kitts America/St_Lucia America/St_Thomas America/St_Vincent America/Tortola America/Virgin
AST-240,ADT-180 America/Barbados America/Glace_Bay America/Halifax America/Martinique America/Moncton America/Thule Atlantic/Bermuda Canada/Atlantic
AST-240,ADT-180,ADDT-120 America/Goose_Bay
AWST+480,AWDT+540 Australia/Perth Australia/West
BST-660,BDT-600,YST-540<439030800;AKST-540,AKDT-480 America/Nome
BST-660,BDT-600<436363200;AHST-600<439034400;HST-600,HDT-540 America/Adak America/Atka US/Aleutian
CAT+120 Africa/Blantyre Africa/Bujumbura Africa/Gaborone Africa/Harare Africa/Kigali Africa/Lubumbashi Africa/Lusaka Africa/Maputo
CAT+120,CAST+180<947930400;CAT+120,EAT+180 Africa/Juba Africa/Khartoum
CET+60,CEST+120 Africa/Tunis Arctic/Longyearbyen Atlantic/Jan_Mayen CET Europe/Amsterdam Europe/Andorra Europe/Belgrade Europe/Berlin Europe/Bratislava Europe/Brussels Europe/Budapest Europe/Busingen Europe/Copenhagen Europe/Gibraltar Europe/Ljubljana Europe/Luxembourg Europe/Madrid Europe/Malta Europe/Monaco Europe/Oslo Europe/Paris Europe/Podgorica Europe/Prague Europe/Rome Europe/San_Marino Europe/Sarajevo Europe/Skopje Europe/Stockholm Europe/Tirane Europe/Vaduz Europe/Vatican Europe/Vienna Europe/Warsaw Europe/Zagreb Europe/Zurich Poland
CET+60,EET+120<386463600;CET+60,CEST+120<641775600;CET+60,EET+120<860108400;CEST+120<875916000;CET+60,EET+120<1364515200;CEST+120<1382659200;EET+120 Africa/Tripoli Libya
CST+480,CDT+540 Asia/Chongqing Asia/Chungking Asia/Harbin Asia/Macao Asia/Macau Asia/Shanghai Asia/Taipei PRC ROC
CST-300,CDT-240 America/Havana Cuba
CST-360 America/Regina Canada/Saskatchewan
CST-360,CDT-300 America/Belize America/Chicago America/Costa_Rica America/El_Salvador America/Guatemala America/Matamoros America/Mexico_City America/Monterrey America/Rainy_River America/Tegucigalpa America/Winnipeg CST6CDT Canada/Central Mexico/General US/Central
CST-360,CDT-300<247042800;EST-300<1143961200;CST-360,CDT-300<1194159600;EST-300,EDT-240 America/Indiana/Petersburg
CST-360,CDT-300<688546800;EST-300<1143961200;CST-360,CDT-300 America/Indiana/Knox America/Knox_IN US/Indiana-Starke
CST-360,CDT-300<891766800;MST-420,MDT-360<1667116800;CST-360 America/Chihuahua
CST-360,CDT-300<891766800;MST-420,MDT-360<1667116800;CST-360,CDT-300 America/Ojinaga
CST-360,CDT-300<891766800;MST-420,MDT-360<1667116800;MST-420,CST-360<1678611600;MST-420,MDT-360 America/Ciudad_Juarez
CST-360,CDT-300<972802800;EST-300,EDT-240 America/Kentucky/Monticello
CST-360,CDT-300<972802800;EST-300<986112000;CST-360,CDT-300 America/Rankin_Inlet
CST-360,CDT-300<972802800;EST-300<986112000;CST-360,CDT-300<1162105200;EST-300<1173600000;CST-360,CDT-300 America/Resolute
CST-360,EST-300,EDT-240<954662400;CDT-300<972802800;EST-300,EDT-240 America/Iqaluit America/Pangnirtung
CST-360,EST-300<290584800;CST-360,CDT-300<694260000;CST-360,EST-300<1113112800;CST-360,CDT-300 America/Managua
CST-360,EST-300<828864000;CST-360,CDT-300 America/Merida
CST-360,EST-300<828864000;CST-360,CDT-300<877849200;EST-300,EDT-240<902037600;CST-360,CDT-300<1422777600;EST-300 America/Cancun
EAT+180 Africa/Addis_Ababa Africa/Asmara Africa/Asmera Africa/Dar_es_Salaam Africa/Djibouti Africa/Kampala Africa/Mogadishu Africa/Nairobi Indian/Antananarivo Indian/Comoro Indian/Mayotte
EET+120,EEST+180 Africa/Cairo Asia/Beirut Asia/Nicosia EET Egypt Europe/Athens Europe/Bucharest Europe/Helsinki Europe/Mariehamn Europe/Nicosia Europe/Sofia
EET+120,EEST+180<1473282000;EET+120<1521939600;EET+120,EEST+180 Asia/Famagusta
EET+120,EEST+180<1666904400; Asia/Damascus
EET+120,EEST+180<1666908000; Asia/Amman
EET+120,EEST+180<267915600;EET+120<482799600;EET+120,EEST+180<1473195600; Asia/Istanbul Europe/Istanbul Turkey
EET+120,MSK+180,MSD+240<701827200;EET+120,EEST+180,MSD+240<780447600;MSK+180,MSD+240<859683600;EET+120,EEST+180,MSK+240<1414274400;MSK+180 Europe/Simferopol
EST-300 America/Atikokan America/Cayman America/Coral_Harbour America/Panama EST
EST-300,AST-240 America/Santo_Domingo
EST-300,EDT-240 America/Detroit America/Fort_Wayne America/Indiana/Indianapolis America/Indiana/Vevay America/Indianapolis America/Jamaica America/Montreal America/Nassau America/New_York America/Nipigon America/Port-au-Prince America/Thunder_Bay America/Toronto Canada/Eastern EST5EDT Jamaica US/East-Indiana US/Eastern US/Michigan
EST-300,EDT-240<1143961200;CST-360,CDT-300 America/Indiana/Tell_City
EST-300,EDT-240<1143961200;CST-360,CDT-300,EDT-240<1194156000;EST-300,EDT-240 America/Indiana/Winamac
EST-300,EDT-240<1143961200;CST-360,CDT-300<1194159600;EST-300,EDT-240 America/Indiana/Vincennes
EST-300,EDT-240<126687600;CDT-300<152089200;EST-300,EDT-240 America/Indiana/Marengo America/Kentucky/Louisville America/Louisville
EST-300,EDT-240<1425798000;AST-240<1520751600;EST-300,EDT-240 America/Grand_Turk
EST-300<104914800;CST-360,CDT-300 America/Menominee
GMT+0 Africa/Abidjan Africa/Accra Africa/Bamako Africa/Banjul Africa/Bissau Africa/Conakry Africa/Dakar Africa/Freetown Africa/Lome Africa/Nouakchott Africa/Ouagadougou Africa/Timbuktu America/Danmarkshavn Atlantic/Reykjavik Atlantic/St_Helena Etc/GMT Etc/GMT+0 Etc/GMT-0 Etc/GMT0 Etc/Greenwich GMT GMT+0 GMT-0 GMT0 Greenwich Iceland
GMT+0,BST+60 Europe/Belfast Europe/Guernsey Europe/Isle_of_Man Europe/Jersey Europe/London GB GB-Eire
GMT+0,IST+60 Eire Europe/Dublin
GMT+0,WAT+60 Africa/Sao_Tome
GST+600,GDT+660<977493600;ChST+600 Pacific/Guam Pacific/Saipan
HKT+480,HKST+540 Asia/Hong_Kong Hongkong
HST-600 HST Pacific/Honolulu Pacific/Johnston US/Hawaii
IST+120,IDT+180 Asia/Jerusalem Asia/Tel_Aviv Israel
IST+120,IDT+180<820447200;EET+120,EEST+180 Asia/Gaza Asia/Hebron
IST+330 Asia/Calcutta Asia/Kolkata
JST+540 Asia/Tokyo Japan
KST+510,KST+540 Asia/Pyongyang
KST+540,KDT+600 Asia/Seoul ROK
MET+60,MEST+120 MET
MMT-44.5,GMT+0 Africa/Monrovia
MSK+180,MSD+240<606870000;EET+120,EEST+180 Europe/Riga Europe/Tallinn
MSK+180,MSD+240<606870000;EET+120,EEST+180<1301184000;EET+120 Europe/Kaliningrad
MSK+180,MSD+240<606870000;EET+120,EEST+180<891133200;CET+60,CEST+120<941331600;EET+120,EEST+180 Europe/Vilnius
MSK+180,MSD+240<641944800;EET+120,EEST+180 Europe/Chisinau Europe/Tiraspol
MSK+180,MSD+240<646783200;EET+120,EEST+180 Europe/Kiev Europe/Kyiv Europe/Uzhgorod Europe/Zaporozhye
MSK+180,MSD+240<670374000;EET+120,EEST+180<1301184000; Europe/Minsk
MSK+180,MSD+240<670374000;EET+120,EEST+180<695779200;MSK+180,MSD+240<1301180400;MSK+180,MSK+240 Europe/Moscow W-SU
MST-420 America/Creston America/Phoenix MST US/Arizona
MST-420,CST-360 America/Swift_Current
MST-420,MDT-360 America/Boise America/Denver America/Edmonton America/Hermosillo America/Mazatlan America/Shiprock America/Yellowknife Canada/Mountain MST7MDT Mexico/BajaSur Navajo US/Mountain
MST-420,MDT-360,CDT-300<1288508400;CST-360,CDT-300 America/Bahia_Banderas
MST-420,MDT-360<1067155200;CST-360,CDT-300 America/North_Dakota/New_Salem
MST-420,MDT-360<1289116800;CST-360,CDT-300 America/North_Dakota/Beulah
MST-420,MDT-360<720000000;CST-360,CDT-300 America/North_Dakota/Center
MST-420,MDT-360<941356800;CST-360,CDT-300<972802800;CST-360,EST-300<986115600;MST-420,MDT-360 America/Cambridge_Bay
NST-210,NDT-150,NDDT-90 America/St_Johns Canada/Newfoundland
NZST+720,NZDT+780 Antarctica/McMurdo Antarctica/South_Pole NZ Pacific/Auckland
PST+480,PDT+540 Asia/Manila
PST-480,PDT-420 America/Ensenada America/Los_Angeles America/Santa_Isabel America/Tijuana America/Vancouver Canada/Pacific Mexico/BajaNorte PST8PDT US/Pacific
PST-480,PDT-420,MDT-360<309945600;MST-420,MDT-360 America/Inuvik
PST-480,PDT-420<1425808800;MST-420 America/Fort_Nelson
PST-480,PDT-420<1604214000;MST-420 America/Whitehorse Canada/Yukon
PST-480,PDT-420<325677600;YDT-480<341402400;YST-540,PST-480,PDT-420<439030800;AKST-540,AKDT-480 America/Juneau
PST-480,PDT-420<84013200;MST-420 America/Dawson_Creek
SAST+120 Africa/Johannesburg Africa/Maseru Africa/Mbabane
SAST+120<637970400;WAT+60,CAT+120 Africa/Windhoek
SST-660 Pacific/Midway Pacific/Pago_Pago Pacific/Samoa US/Samoa
UTC+0 Etc/UCT Etc/UTC Etc/Universal Etc/Zulu UCT UTC Universal Zulu
WAT+60 Africa/Bangui Africa/Brazzaville Africa/Douala Africa/Kinshasa Africa/Lagos Africa/Libreville Africa/Luanda Africa/Malabo Africa/Niamey Africa/Porto-Novo
WAT+60,WAST+120 Africa/Ndjamena
WET+0,CET+60<228268800;WET+0,WEST+60<717555600;CET+60,CEST+120<828234000;WET+0,WEST+60 Europe/Lisbon Portugal
WET+0,WEST+60 Atlantic/Canary Atlantic/Faeroe Atlantic/Faroe Atlantic/Madeira WET
WET+0,WEST+60<246236400;WET+0,CET+60,CEST+120<325468800;WET+0,WEST+60<357523200;CET+60 Africa/Algiers
WET+0,WEST+60<448243200;CET+60,CEST+120 Africa/Ceuta
WIB+420 Asia/Jakarta
WIB+420,WITA+480 Asia/Pontianak
WIT+540 Asia/Jayapura
WITA+480 Asia/Makassar Asia/Ujung_Pandang
YST-540,PST-480,PDT-420<1604214000;MST-420 America/Dawson
YST-540,PST-480,PDT-420<439030800;AKST-540,AKDT-480 America/Sitka
YST-540,YDT-480<439030800;AKST-540,AKDT-480 America/Yakutat
`;

interface Era {
  /** Unix seconds; Infinity for the last. */
  readonly until: number;
  /** By offset in seconds. */
  readonly names: ReadonlyMap<number, string>;
}

let lines: Map<string, string> | undefined;

/** The abbreviations of a zone by era, in time's order; empty for a zone without letters. */
export function zoneEras(zone: string): readonly Era[] {
  if (lines === undefined) {
    lines = new Map();
    for (const line of TABLE.split("\n")) {
      const [eras = "", ...zones] = line.split(" ");
      for (const name of zones) lines.set(name, eras);
    }
  }
  const eras = lines.get(zone);
  if (eras === undefined) return [];
  return eras.split(";").map((era) => {
    const [list = "", until] = era.split("<");
    const names = new Map<number, string>();
    for (const [, name = "", minutes] of list.matchAll(/([A-Za-z]+)([+-][0-9.]+)/g))
      names.set(Number(minutes) * 60, name);
    return { until: until === undefined ? Number.POSITIVE_INFINITY : Number(until), names };
  });
}
