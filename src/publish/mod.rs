//! stub
pub mod files {
    //! stub
    use std::path::Path;
    /// s
    pub fn prepare(d: &Path, _n: &[&str]) -> std::io::Result<()> { std::fs::create_dir_all(d) }
    /// s
    pub fn write(p: &Path, b: &[u8]) -> std::io::Result<()> { std::fs::write(p, b) }
}
