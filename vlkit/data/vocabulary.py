"""Words, names and sentences for generated pages; all written for this project.

A sentence pattern's ``{slot}`` is filled from the list of that name, or with a number, an
amount or a date.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Language = Literal["eng", "kor", "heb"]

ENGLISH: dict[str, str] = {
    "thing": """paper|the spring catalogue|packing board|the new label stock|recycled pulp|the
        winter order|bleached kraft|the boiler contract|tissue|corrugated sheet|the freight
        schedule|the inventory list|tracing film|the supplier agreement|coated stock|the test
        batch|newsprint|the insurance policy|ledger paper|the maintenance plan|cartons|the
        water permit|the training budget|office supplies""",
    "place": """Harrow Bridge|Castle Mill|the northern depot|Millbrook|the harbour office|Eastfield|
        Linden Street|Port Ansel|the Kestrel works|Wexcombe|Upper Dell|the river site|Saltmarsh|
        Brayford|Tallow Quay|the Oakley warehouse""",
    "person": """Margaret Hale|Daniel Okoro|Priya Raman|Tom Fletcher|Ingrid Sørensen|Luis Ortega|
        Hannah Weiss|Owen Price|Clara Dubois|Samuel Adeyemi|Ruth Lindqvist|Peter Novák|
        Alice Morgan|Ben Fitzgerald|Yuki Tanaka|Sofia Marín""",
    "group": """the board|the night shift|the finance office|our customers|the county council|
        the works council|the auditors|the packing team|the drivers|the planning group|the
        suppliers|field staff|the quality office|our bank""",
    "topic": """Sales|Energy|Staff|Water and waste|Prices|Freight|Safety|Outlook|Finance|Machines|
        Customers|Storage|Training|Insurance|Quality|Purchasing|Buildings|Transport|Suppliers|
        Reserves|Maintenance|Research|Exports|Complaints""",
    "adjective": """first|second|annual|regional|local|quarterly|revised|general|outside|final""",
    "company": """Harrow Paper|Kestrel Freight|Castle Mill Stores|Brayford & Sons|Ansel Marine|
        Northgate Print|Lindqvist Tools|Oakley Timber|Millbrook Dairy|Tallow Quay Supplies""",
    "street": """Linden Street|Mill Lane|Harbour Road|Castle Terrace|Station Yard|Quay Street|
        Orchard Close|Bridge Row""",
    "item": """Copy paper A4, 80 g|Packing board, double|Label rolls, 500 m|Kraft envelopes C5|
        Toner, black|Freight to depot|Cutting, per pallet|Storage, monthly|Ledger books|
        Sample binders|Coated sheets B2|Shrink film|Cardboard tubes|Address labels|
        Wire staples 26/6|Filing boxes""",
    "measure": """tonnes|orders|pallets|hours|claims|visits|staff|deliveries|litres|invoices""",
    "sentence": """{group} agreed in {month} that {thing} should be handled from {place}.|
        Deliveries to {place} rose by {percent}, which is more than {group} had expected.|
        {person} was asked to look into {thing} and to report before the end of {month}.|
        The cost of {thing} fell from {amount} to {amount}, mainly because freight was cheaper.|
        At {place} the old line was shut down for {number} days while filters were fitted.|
        We thank {group} for the care with which {thing} was moved.|
        No accident was recorded at {place} in the first {number} weeks of the year.|
        A further {amount} has been set aside for {thing}, subject to final approval.|
        {group} will meet {person} again on {date} to settle the open questions.|
        Of {number} complaints about {thing}, all but three were settled within a week.|
        The figures for {place} include {thing} for the first time.|
        If prices stay where they are, {group} can expect a surplus of about {amount}.|
        {person} joined the office at {place} on {date} and now looks after {thing}.|
        Water use fell by {percent} after the reflow basin at {place} was sealed.|
        It was not possible to finish {thing} before {month}, as two suppliers were late.|
        Both offices keep a signed copy of the agreement on {thing}.|
        Orders from {place} arrived late but in full.|
        The official count gave {number} pallets, five fewer than the stock list.|
        Staff who work flexible hours were offered a fixed rota from {month}.|
        In the opinion of {group}, the offer of {amount} was fair.|
        Heating at {place} was changed from oil to waste wood in {month}.|
        {thing} remains the largest single item, with {percent} of the total.|
        An outside firm inspected the buildings at {place} and found them sound.|
        This was the third year in which {group} paid no overtime.|
        Nothing in this note changes the terms on which {thing} is sold.|
        Small customers were affected most, and {person} wrote to each of them.|
        The difference was traced to {thing} and corrected on {date}.|
        Where two bids were equal, {group} chose the one from {place}.""",
    "label": """Name:|Date:|Address:|Telephone:|Account no.:|Department:|Order no.:|Signature:|
        Approved by:|Reference:|City:|Position:""",
    "choice": """Send a printed copy|Deliver to the side door|Invoice by post|Return empty pallets|
        Call before delivery|Insure the shipment|Partial delivery accepted|New customer""",
    "month": """January|February|March|April|May|June|July|August|September|October|November|
        December""",
}

KOREAN: dict[str, str] = {
    "thing": """복사 용지|포장 상자|신규 설비|원자재 재고|운송 계약|정수 장치|창고 임대|인쇄 용지|보험 약관|안전 교육|
        거래처 명부|폐지 수거|전력 사용량|품질 검사|분기 예산|시험 생산|통신 장비|주차 시설|냉각수 배관|사내 식당""",
    "place": """한빛 공장|서울 본사|부산 창고|대전 사무소|광주 물류 센터|인천항|수원 연구소|전주 지점|울산 작업장|
        춘천 영업소|강릉 지사|청주 공장""",
    "person": """김민지|이서준|박하은|최도윤|정유진|강지훈|조예린|윤태호|장수빈|임현우|한소희|오세영|서동혁|
        신가람|권나영|황준석""",
    "group": """이사회|재무팀|영업부|노동조합|고객 상담실|감사 위원회|생산부|구매팀|협력 업체|품질 관리실|총무과|
        기획실""",
    "topic": """매출 현황|에너지|인력과 교육|용수와 폐기물|가격 정책|물류|안전 관리|전망|재무|설비 투자|고객 만족|
        창고 운영|연구 개발|수출|구매 절차|환경|복지 제도|품질""",
    "company": """한빛제지|동해물류|새봄상사|대한포장|푸른인쇄|가온정밀|미래식품|서울문구|한울전자|바다운송""",
    "street": """세종대로|테헤란로|중앙로|강변북로|충장로|해운대로|한밭대로|백제대로""",
    "item": """복사 용지 A4|포장 상자 대형|라벨 용지|서류 봉투|검정 토너|운송비|재단 작업|창고 보관료|장부|견본 책자|
        코팅 용지|포장 필름|종이 관|주소 라벨|철심|문서 보관함""",
    "measure": """톤|건|상자|시간|회|명|대|리터|장|개""",
    "sentence": """{group} 회의에서 {month} 안에 {thing} 문제를 마무리하기로 하였다.|
        {place}의 출하량은 지난해보다 {percent} 늘어 예상을 웃돌았다.|
        {person} 과장은 {thing} 관련 보고서를 {date}까지 제출할 예정이다.|
        {thing} 비용은 {amount}에서 {amount}으로 줄었는데, 운송비가 내린 덕분이다.|
        {place}에서는 여과 장치를 바꾸느라 {number}일 동안 가동을 멈추었다.|
        올해 들어 {place}에서 발생한 사고는 한 건도 없었다.|
        {group}은(는) 추가로 {amount}을 배정하였으며 최종 승인을 기다리고 있다.|
        접수된 불만 {number}건 가운데 세 건을 빼고 모두 일주일 안에 해결하였다.|
        이번 자료에는 처음으로 {place} 실적이 포함되었다.|
        물 사용량은 저장조를 보수한 뒤 {percent} 감소하였다.|
        협력 업체 두 곳의 납품이 늦어 {thing} 작업을 {month}로 미루었다.|
        양쪽 사무실은 서명한 계약서를 한 부씩 보관한다.|
        재고를 확인한 결과 실제 수량은 {number}상자로 장부보다 다섯 상자 적었다.|
        {month}부터 직원들은 원하는 시간에 출근할 수 있다.|
        {thing} 항목이 전체의 {percent}를 차지하여 가장 컸다.|
        외부 전문가가 {place} 건물을 점검하고 이상이 없다고 밝혔다.|
        {person} 대리가 작은 거래처마다 직접 편지를 보냈다.|
        조건이 같을 때에는 {place} 쪽 제안을 골랐다.|
        자세한 내용은 {date} 자 회의록을 참고하시기 바랍니다.|
        궁금한 점이 있으시면 {group}에 문의하여 주십시오.""",
    "label": """성명:|날짜:|주소:|전화번호:|계좌번호:|부서:|주문 번호:|서명:|승인자:|참조:|도시:|직위:""",
    "choice": """인쇄본 발송|옆문으로 배달|우편 청구서|빈 상자 회수|배달 전 연락|운송 보험 가입|나누어 받기|
        신규 고객""",
    "month": """1월|2월|3월|4월|5월|6월|7월|8월|9월|10월|11월|12월""",
}

HEBREW: dict[str, str] = {
    "thing": """נייר|קרטון|החוזה|המלאי|ההזמנה|התקציב|המכונה|הרשימה|המשלוח|הביטוח""",
    "place": """חיפה|המחסן|המשרד|תל אביב|הנמל|המפעל|באר שבע|ירושלים""",
    "person": """דנה לוי|יוסי כהן|רות ברק|משה גל|נועה שלו|אורי דגן""",
    "group": """ההנהלה|הצוות|הלקוחות|הספקים|ועד העובדים|הבנק""",
    "topic": """מכירות|אנרגיה|עובדים|מחירים|הובלה|בטיחות|תחזית|כספים""",
    "company": """נייר הגליל|הובלות הצפון|דפוס הכרמל""",
    "street": """רחוב הנמל|דרך העמק|שדרות הגפן""",
    "item": """נייר העתקה|קופסאות|מדבקות|מעטפות|הובלה|אחסון""",
    "measure": """טון|הזמנות|שעות|ארגזים""",
    "sentence": """{group} החליטה כי {thing} יטופל עד סוף {month}.|
        המכירות של {place} עלו השנה, יותר מן הצפוי.|{person} תגיש דוח על {thing} בקרוב.|
        העלות של {thing} ירדה, בעיקר בגלל הובלה זולה.|לא נרשמה כל תאונה בשנה הזאת.|
        ההפרש נמצא ותוקן, וכל הצדדים קיבלו הודעה.|שני המשרדים שומרים עותק חתום של ההסכם.|
        אנו מודים לכל העובדים על עבודתם הטובה.|הבניין של {place} נבדק ונמצא תקין.|
        הספק איחר (כמו תמיד), אבל ההזמנה הגיעה שלמה.""",
    "label": """שם:|תאריך:|כתובת:|טלפון:|מספר:""",
    "choice": """משלוח מהיר|חשבונית בדואר|לקוח חדש""",
    "month": """ינואר|מרץ|מאי|יולי|ספטמבר|נובמבר""",
}

TABLES = {"eng": ENGLISH, "kor": KOREAN, "heb": HEBREW}


@dataclass
class Writer:
    """Makes sensible-looking text of one language; the same seed gives the same text."""

    language: Language
    rng: np.random.Generator

    def pick(self, name: str) -> str:
        """An entry of the vocabulary's list of that name."""
        entries = TABLES[self.language][name].split("|")
        return " ".join(entries[int(self.rng.integers(len(entries)))].split())

    def number(self, low: int = 3, high: int = 900) -> str:
        return f"{int(self.rng.integers(low, high)):,}"

    def percent(self) -> str:
        return f"{self.rng.uniform(0.5, 40):.1f}%"

    def amount(self) -> str:
        value = int(self.rng.integers(12, 9000))
        if self.language == "kor":
            return f"{value * 1000:,}원"
        return (
            f"{'₪' if self.language == 'heb' else '€'}{value:,}.{int(self.rng.integers(100)):02d}"
        )

    def date(self) -> str:
        year, day = 2020 + int(self.rng.integers(6)), 1 + int(self.rng.integers(28))
        month = self.pick("month")
        if self.language == "kor":
            return f"{year}년 {month} {day}일"
        return f"{day} {month} {year}"

    def phone(self) -> str:
        a, b = (int(value) for value in self.rng.integers(1000, 9999, 2))
        return f"02-{a}-{b}" if self.language == "kor" else f"+44 20 {a} {b}"

    def address(self) -> str:
        house = int(self.rng.integers(1, 180))
        if self.language == "kor":
            return f"{self.pick('place').split()[0]} {self.pick('street')} {house}"
        return f"{house} {self.pick('street')}, {self.pick('place').removeprefix('the ')}"

    def sentence(self) -> str:
        made: dict[str, Callable[[], str]] = {
            "number": self.number,
            "percent": self.percent,
            "amount": self.amount,
            "date": self.date,
        }
        text = self.pick("sentence")
        while "{" in text:
            slot = text[text.index("{") + 1 : text.index("}")]
            fill = made[slot]() if slot in made else self.pick(slot)
            text = text.replace("{" + slot + "}", fill, 1)
        return text[0].upper() + text[1:]

    def prose(self, sentences: int) -> str:
        return " ".join(self.sentence() for _ in range(sentences))

    def heading(self) -> str:
        return self.pick("topic")

    def value(self, label: str) -> str:
        """Something that may stand after a form's label."""
        kinds: list[Callable[[], str]] = [
            lambda: self.pick("person"),
            self.date,
            self.address,
            self.phone,
            lambda: self.number(1000, 99999),
        ]
        order = TABLES[self.language]["label"].split("|")
        known = [" ".join(entry.split()) for entry in order]
        return kinds[known.index(label) % len(kinds)]()
