//! The use of a key in a month.

use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use crate::key::{Key, Kind};
use crate::ui::listing::{Item, Row};
use crate::ui::table::Column;
use crate::ui::{DisplayContext, time};
use crate::usage::{Month, MonthUse};

/// A key's use in a month, as a row of `usage --month`.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct MonthView<'a> {
    month: String,
    name: &'a str,
    kind: &'static str,
    status: &'static str,
    requests: u64,
    refused: u64,
    days_used: u32,
    busiest_day: Option<String>,
    busiest_requests: Option<u32>,
    mails: Option<u64>,
    recipients: Option<u64>,
}

impl<'a> MonthView<'a> {
    /// Describes a key's use in a month; its status is that of today.
    pub fn new(key: &'a Key, month: Month, used: &MonthUse, display: &DisplayContext) -> Self {
        let mail = Some(used.mail).filter(|_| key.kind() == Kind::Smtp);
        Self {
            month: month.to_string(),
            name: key.name.as_str(),
            kind: key.kind().into_str(),
            status: key.effective_status(display.now).into_str(),
            requests: used.requests,
            refused: used.refused,
            days_used: used.days_used,
            busiest_day: used.busiest.map(|(day, _)| time::date(day)),
            busiest_requests: used.busiest.map(|(_, count)| count),
            mails: mail.map(|mail| mail.mails),
            recipients: mail.map(|mail| mail.recipients),
        }
    }

    /// Whether it was not accepted.
    pub fn is_unused(&self) -> bool {
        self.requests == 0 && self.mails.unwrap_or_default() == 0
    }
}

impl Item for MonthView<'_> {}

impl Row for MonthView<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::wrapped("NAME", 1),
        Column::dropped("KIND", 5),
        Column::dropped("STATUS", 4),
        Column::fixed("REQUESTS"),
        Column::fixed("REFUSED"),
        Column::dropped("DAYS USED", 2),
        Column::dropped("BUSIEST DAY", 6),
        Column::dropped("MAILS", 3),
        Column::dropped("RECIPIENTS", 3),
    ];

    fn cells(&self, _: &DisplayContext) -> Vec<String> {
        let busiest = self.busiest_day.as_ref().zip(self.busiest_requests);
        let mail = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
        vec![
            self.name.to_owned(),
            self.kind.to_owned(),
            self.status.to_owned(),
            self.requests.to_string(),
            self.refused.to_string(),
            self.days_used.to_string(),
            busiest.map_or_else(String::new, |(day, count)| format!("{day}: {count}")),
            mail(self.mails),
            mail(self.recipients),
        ]
    }
}
