//! What differs between operating systems, one small file each.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::process_figures;
#[cfg(target_os = "linux")]
pub(super) use linux::{Account, cpu_seconds, peak_memory};

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::process_figures;
#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{Account, cpu_seconds, peak_memory};

#[cfg(target_os = "linux")]
mod alarm_timerfd;
#[cfg(target_os = "linux")]
pub(super) use alarm_timerfd::Alarm;

#[cfg(any(not(target_os = "linux"), test))]
mod alarm_thread;
#[cfg(not(target_os = "linux"))]
pub(super) use alarm_thread::Alarm;

#[cfg(unix)]
mod descriptors_unix;
#[cfg(unix)]
pub use descriptors_unix::raise_descriptor_limit;

#[cfg(not(unix))]
mod descriptors_elsewhere;
#[cfg(not(unix))]
pub use descriptors_elsewhere::raise_descriptor_limit;

#[cfg(unix)]
mod cores_unix;
#[cfg(unix)]
pub use cores_unix::withhold_core_dumps;

#[cfg(not(unix))]
mod cores_elsewhere;
#[cfg(not(unix))]
pub use cores_elsewhere::withhold_core_dumps;

#[cfg(unix)]
mod local_unix;
#[cfg(unix)]
pub(crate) use local_unix::local_trouble;

#[cfg(not(unix))]
mod local_elsewhere;
#[cfg(not(unix))]
pub(crate) use local_elsewhere::local_trouble;
