//! Random bytes from the operating system.

use rand::TryRng;
use rand::rngs::SysRng;

use crate::error::Error;

/// Random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(Error::no_random_bytes)?;
    Ok(bytes)
}
