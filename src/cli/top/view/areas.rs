//! Where everything goes. The table is the last that gives way.

use ratatui::layout::Rect;

use super::{Column, banners};
use crate::cli::top::state::State;

/// From here on the output is beside the table.
const WIDE: u16 = 150;
/// The table's width then, and what it takes more where agents tell of themselves.
const TABLE: u16 = 88;
const TABLE_FOR_TOLD: u16 = 12;
/// Rows that are left for table and output, from which on there is room for both.
const TALL: u16 = 12;

/// The parts of the screen; those that have no room are empty.
#[derive(Debug)]
pub(in crate::cli::top) struct Areas {
    pub(super) header: Rect,
    pub(super) banners: Rect,
    pub(super) titles: Rect,
    pub(in crate::cli::top) rows: Rect,
    pub(super) output: Option<Rect>,
    pub(super) footer: Rect,
}

impl Areas {
    pub(in crate::cli::top) fn of(state: &State, screen: Rect) -> Self {
        let mut rest = screen;
        let header = from_top(&mut rest, u16::from(screen.height >= 3));
        let alarms = u16::try_from(banners(state).len()).unwrap_or(u16::MAX);
        let banners = from_top(&mut rest, alarms.min(screen.height.saturating_sub(4)));
        let footer_height = u16::from(screen.height >= 5);
        let footer = Rect { y: rest.bottom() - footer_height, height: footer_height, ..rest };
        rest.height -= footer_height;
        let output = if screen.width >= WIDE {
            let table = TABLE + if state.list.has_told() { TABLE_FOR_TOLD } else { 0 };
            let output = Rect { x: rest.x + table + 2, width: rest.width - table - 2, ..rest };
            rest.width = table;
            Some(output)
        } else if rest.height >= TALL {
            let height = rest.height * 2 / 5;
            rest.height -= height;
            Some(Rect { y: rest.bottom(), height, ..rest })
        } else {
            None
        };
        let titles_height = u16::from(rest.height >= 2);
        let titles = from_top(&mut rest, titles_height);
        Self { header, banners, titles, rows: rest, output, footer }
    }
}

/// Takes so many rows away.
fn from_top(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    let taken = Rect { height, ..*rest };
    rest.y += height;
    rest.height -= height;
    taken
}

/// The columns that fit into a row, from the left. The name has what the others leave.
pub(super) fn columns(row: Rect, has_told: bool) -> Vec<(Column, Rect)> {
    /// Those that go first come last.
    const WIDTHS: [(Column, u16); 7] = [
        (Column::State, 11),
        (Column::For, 6),
        // `permission_denied` is the longest.
        (Column::Told, 17),
        (Column::Cpu, 6),
        (Column::Memory, 7),
        (Column::Restarts, 8),
        (Column::Exit, 13),
    ];
    const ORDER: [Column; 7] =
        [Column::State, Column::For, Column::Told, Column::Restarts, Column::Exit, Column::Cpu, Column::Memory];
    const NAME_AT_LEAST: u16 = 12;
    let mut name = row.width;
    let mut fitting = Vec::new();
    for (column, width) in WIDTHS.into_iter().filter(|(column, _)| has_told || *column != Column::Told) {
        let Some(left) = name.checked_sub(width + 1).filter(|left| *left >= NAME_AT_LEAST) else { break };
        name = left;
        fitting.push((column, width));
    }
    let mut cells = vec![(Column::Name, Rect { width: name, ..row })];
    let mut x = row.x + name;
    for column in ORDER {
        if let Some((_, width)) = fitting.iter().find(|(fits, _)| *fits == column) {
            cells.push((column, Rect { x: x + 1, width: *width, ..row }));
            x += width + 1;
        }
    }
    cells
}
